"""Trains the digits sample, a small convolutional network, on the handwritten digits that come with scikit-learn.

    image FLOAT[batch, 1, 8, 8], brightness 0..1   ->   probabilities FLOAT[batch, 10]

Takes about half a minute. On one machine and one version of PyTorch every run writes the same bytes.
"""
import argparse
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import nn

TRAINING_IMAGES = 1400
EPOCHS = 30
BATCH = 64
BRIGHTEST = 16.0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("models"), help="model repository to write to (default: %(default)s)")
    out = parser.parse_args().out

    torch.manual_seed(0)
    torch.set_num_threads(2)
    images, digits = load_images()
    order = torch.randperm(len(images))
    training, held_back = order[:TRAINING_IMAGES], order[TRAINING_IMAGES:]

    network = build_network()
    train(network, images, digits, training)
    print(f"accuracy on {len(held_back)} held-back images: {accuracy(network, images[held_back], digits[held_back]):.4f}")
    export(network, images[:1], out / "digits" / "1" / "model.onnx")


def load_images():
    """All 1797 images, one channel of 8 x 8, scaled to 0..1; and the digit that each shows."""
    data = load_digits()
    images = torch.tensor(data.images / BRIGHTEST, dtype=torch.float32)[:, None]
    return images, torch.tensor(data.target)


def build_network():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 10), nn.Softmax(1))


def train(network, images, digits, training):
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(EPOCHS):
        network.train()
        for batch in torch.randperm(len(training)).split(BATCH):
            chosen = training[batch]
            optimizer.zero_grad()
            loss = nn.functional.nll_loss(torch.log(network(images[chosen]) + 1e-9), digits[chosen])
            loss.backward()
            optimizer.step()
    network.eval()


def accuracy(network, images, digits):
    with torch.no_grad():
        return (network(images).argmax(1) == digits).float().mean().item()


def export(network, example, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        network, example, str(path), input_names=["image"], output_names=["probabilities"],
        dynamic_axes={"image": {0: "batch"}, "probabilities": {0: "batch"}}, opset_version=16)
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
