"""Trains the spam sample, a two-layer transformer encoder with its own vocabulary, on the SpamAssassin mails.

    input_ids, attention_mask INT64[batch, seq]   ->   probabilities FLOAT[batch, 2] (ham, spam), embedding FLOAT[batch, 64]

Writes vocab.txt beside the model: one token a line, the line's number (from 0) is the token's id.
Takes about ten minutes on two cores.
"""
import argparse
import collections
import email
import random
import re
from pathlib import Path

import torch
from torch import nn

HAM_FOLDERS = ("easy-ham-1", "easy-ham-2", "hard-ham-1")
SPAM_FOLDERS = ("spam-1", "spam-2")
SHORTEST_MAIL = 20      # characters; what is shorter has nothing to learn from
TRAINING_SHARE = 0.85

SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PAD, UNK, CLS, SEP, _ = range(len(SPECIAL_TOKENS))
VOCABULARY = 8000
TOKEN = re.compile(r"[a-z']+|[0-9]+|[^\sa-z0-9]")
TAG = re.compile(r"<[^>]+>")

SEQUENCE = 96           # tokens a mail is cut to, [CLS] and [SEP] among them
POSITIONS = 128         # the longest sequence the model can take
WIDTH, LAYERS, HEADS, HIDDEN = 64, 2, 4, 128
EPOCHS = 4
BATCH = 64


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mails", type=Path, help="folder that holds easy-ham-1, easy-ham-2, hard-ham-1, spam-1, spam-2")
    parser.add_argument("--out", type=Path, default=Path("models"), help="model repository to write to (default: %(default)s)")
    arguments = parser.parse_args()

    torch.manual_seed(0)
    random.seed(0)
    torch.set_num_threads(2)
    mails = load_mails(arguments.mails)
    random.shuffle(mails)
    split = int(len(mails) * TRAINING_SHARE)
    training, held_back = mails[:split], mails[split:]
    print(f"{len(mails)} mails, {sum(is_spam for _, is_spam in mails)} of them spam; {len(held_back)} held back")

    vocabulary = build_vocabulary(tokens for tokens, _ in training)
    ids_by_token = {token: number for number, token in enumerate(vocabulary)}
    network = SpamClassifier()
    train(network, training, ids_by_token)
    print(f"accuracy on held-back mails: {accuracy(network, held_back, ids_by_token):.4f}")

    folder = arguments.out / "spam" / "1"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8", newline="\n")
    export(network, [tokens for tokens, _ in held_back[:2]], ids_by_token, folder / "model.onnx")


def load_mails(root):
    """Every mail as its tokens and 1 for spam or 0 for ham, in an order that does not depend on the file system."""
    files = [(path, 0) for folder in HAM_FOLDERS for path in sorted((root / folder).glob("*.txt"))]
    files += [(path, 1) for folder in SPAM_FOLDERS for path in sorted((root / folder).glob("*.txt"))]
    texts = [(read_mail(path), is_spam) for path, is_spam in files]
    return [(TOKEN.findall(text)[:SEQUENCE], is_spam) for text, is_spam in texts if len(text) > SHORTEST_MAIL]


def read_mail(path):
    """Subject and body in lower case without HTML tags; empty where the mail is too broken to read."""
    try:
        mail = email.message_from_bytes(path.read_bytes())
        bodies = [
            (part.get_payload(decode=True) or b"").decode("latin1", "ignore")
            for part in mail.walk() if part.get_content_type() in ("text/plain", "text/html")]
        return TAG.sub(" ", f"{mail['subject'] or ''} {''.join(bodies)}").lower()
    except (AttributeError, LookupError, TypeError, ValueError):
        return ""


def build_vocabulary(mails):
    counts = collections.Counter(token for tokens in mails for token in tokens)
    return SPECIAL_TOKENS + [token for token, _ in counts.most_common(VOCABULARY - len(SPECIAL_TOKENS))]


def encode(mails, ids_by_token):
    """Token ids padded to SEQUENCE, and the mask that is 1 where there is a token."""
    ids = torch.full((len(mails), SEQUENCE), PAD)
    for row, tokens in enumerate(mails):
        encoded = [CLS] + [ids_by_token.get(token, UNK) for token in tokens[:SEQUENCE - 2]] + [SEP]
        ids[row, :len(encoded)] = torch.tensor(encoded)
    return ids, (ids != PAD).long()


class SpamClassifier(nn.Module):
    """Token and position embeddings, encoder layers, the mean over the tokens, and one linear layer for the two classes."""

    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = nn.Embedding(POSITIONS, WIDTH)
        self.norm = nn.LayerNorm(WIDTH)
        self.dropout = nn.Dropout(0.1)
        self.layers = nn.ModuleList([EncoderLayer(self.dropout) for _ in range(LAYERS)])
        self.classes = nn.Linear(WIDTH, 2)

    def forward(self, input_ids, attention_mask):
        places = torch.arange(input_ids.shape[1])
        x = self.dropout(self.norm(self.tokens(input_ids) + self.positions(places)[None]))
        mask = attention_mask.float()
        hidden_places = ((1 - mask) * -1e4)[:, None, None]
        for layer in self.layers:
            x = layer(x, hidden_places)
        embedding = (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return torch.softmax(self.classes(embedding), -1), embedding


class EncoderLayer(nn.Module):
    """Self-attention and a feed-forward step, each added to its input and normalized."""

    def __init__(self, dropout):
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.norm_attention = nn.LayerNorm(WIDTH)
        self.widen = nn.Linear(WIDTH, HIDDEN)
        self.narrow = nn.Linear(HIDDEN, WIDTH)
        self.norm_forward = nn.LayerNorm(WIDTH)
        self.dropout = dropout

    def forward(self, x, hidden_places):
        batch, sequence, _ = x.shape

        def heads(y):
            return y.view(batch, sequence, HEADS, -1).transpose(1, 2)

        query, key, value = heads(self.query(x)), heads(self.key(x)), heads(self.value(x))
        attention = torch.softmax(query @ key.transpose(-1, -2) / (query.shape[-1] ** 0.5) + hidden_places, -1)
        attended = (attention @ value).transpose(1, 2).reshape(batch, sequence, -1)
        x = self.norm_attention(x + self.dropout(self.out(attended)))
        return self.norm_forward(x + self.dropout(self.narrow(nn.functional.gelu(self.widen(x)))))


def train(network, mails, ids_by_token):
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3)
    for _ in range(EPOCHS):
        network.train()
        for batch in shuffled_batches(mails):
            ids, mask = encode([tokens for tokens, _ in batch], ids_by_token)
            classes = torch.tensor([is_spam for _, is_spam in batch])
            optimizer.zero_grad()
            loss = nn.functional.nll_loss(torch.log(network(ids, mask)[0] + 1e-9), classes)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1)
            optimizer.step()
    network.eval()


def shuffled_batches(mails):
    order = list(mails)
    random.shuffle(order)
    return [order[start:start + BATCH] for start in range(0, len(order), BATCH)]


def accuracy(network, mails, ids_by_token):
    with torch.no_grad():
        probabilities, _ = network(*encode([tokens for tokens, _ in mails], ids_by_token))
    return (probabilities.argmax(1) == torch.tensor([is_spam for _, is_spam in mails])).float().mean().item()


def export(network, example, ids_by_token, path):
    both = {0: "batch", 1: "seq"}
    torch.onnx.export(
        network, encode(example, ids_by_token), str(path),
        input_names=["input_ids", "attention_mask"], output_names=["probabilities", "embedding"],
        dynamic_axes={"input_ids": both, "attention_mask": both, "probabilities": {0: "batch"}, "embedding": {0: "batch"}},
        opset_version=16)
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
