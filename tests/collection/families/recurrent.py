"""RNN, GRU and LSTM, against their equations step by step."""

import numpy as np

from kit import Const, fp32, normal

STEPS, BATCH, WIDTH, HIDDEN = 4, 2, 3, 5
X = normal(81, STEPS, BATCH, WIDTH)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def weights(seed, gates, directions=1):
    return (normal(seed, directions, gates * HIDDEN, WIDTH) * 0.5, normal(seed + 1, directions, gates * HIDDEN, HIDDEN) * 0.5,
            normal(seed + 2, directions, 2 * gates * HIDDEN) * 0.5)


def rnn(x, w, r, b):
    h, steps = np.zeros((BATCH, HIDDEN)), []
    for step in x:
        h = np.tanh(step @ w.T + h @ r.T + b[:HIDDEN] + b[HIDDEN:])
        steps.append(h)
    return np.stack(steps), h


def gru(x, w, r, b):
    h, steps = np.zeros((BATCH, HIDDEN)), []
    (wz, wr, wh), (rz, rr, rh), bias = np.split(w, 3), np.split(r, 3), np.split(b, 6)
    for step in x:
        z = sigmoid(step @ wz.T + h @ rz.T + bias[0] + bias[3])
        reset = sigmoid(step @ wr.T + h @ rr.T + bias[1] + bias[4])
        candidate = np.tanh(step @ wh.T + (reset * h) @ rh.T + bias[2] + bias[5])
        h = (1 - z) * candidate + z * h
        steps.append(h)
    return np.stack(steps), h


def lstm(x, w, r, b):
    h, cell, steps = np.zeros((BATCH, HIDDEN)), np.zeros((BATCH, HIDDEN)), []
    for step in x:
        i, o, f, g = np.split(step @ w.T + h @ r.T + b[:4 * HIDDEN] + b[4 * HIDDEN:], 4, 1)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(cell)
        steps.append(h)
    return np.stack(steps), h, cell


def add_cases(c):
    x = X.astype(np.float64)
    for name, operator, gates, oracle in (("rnn", "RNN", 1, rnn), ("gru", "GRU", 3, gru), ("lstm", "LSTM", 4, lstm)):
        w, r, b = weights(90 + gates, gates)
        steps, *last = oracle(x, w[0], r[0], b[0])
        c.op(name, operator, [fp32(X), *(Const(fp32(part)) for part in (w, r, b))], [fp32(steps[:, None]), *(fp32(state[None]) for state in last)],
             hidden_size=HIDDEN, tolerance=1e-5)

    w, r, b = weights(99, 4, 2)
    forward, backward = lstm(x, w[0], r[0], b[0]), lstm(x[::-1], w[1], r[1], b[1])
    both = np.stack([forward[0], backward[0][::-1]], 1)
    c.op("lstm-bidirectional", "LSTM", [fp32(X), *(Const(fp32(part)) for part in (w, r, b))],
         [fp32(both), fp32(np.stack([forward[1], backward[1]])), None], hidden_size=HIDDEN, direction="bidirectional", tolerance=1e-5)
    w, r, b = weights(103, 1)
    steps, last = rnn(x[::-1], w[0], r[0], b[0])
    c.op("rnn-reverse-last-state-only", "RNN", [fp32(X), *(Const(fp32(part)) for part in (w, r, b))], [None, fp32(last[None])],
         hidden_size=HIDDEN, direction="reverse", tolerance=1e-5)
