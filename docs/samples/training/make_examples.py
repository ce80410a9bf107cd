"""Makes example.json of every sample: a real input, prepared as a client would, as a body for POST /predict/{model}.

The picture is an argument, because it does not come with the packages below; the speech is made by espeak-ng.
"""
import argparse
import json
import re
import subprocess
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.signal import resample_poly
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris

LINE = 120
MAIL = "Congratulations! You have been selected to receive a FREE credit card. Click here now, it is 100% risk free."
SENTENCE = "The quick brown fox jumps over the lazy dog."


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", type=Path, help="a square colour picture with a face; the sample's is scikit-image's astronaut.png")
    parser.add_argument("--out", type=Path, default=Path("models"), help="model repository to write to (default: %(default)s)")
    arguments = parser.parse_args()

    examples = {
        "iris": iris(),
        "breast-cancer": breast_cancer(),
        "diabetes": diabetes(),
        "digits": digits(),
        "spam": spam(MAIL, arguments.out / "spam" / "1" / "vocab.txt"),
        "silero-vad": silero_vad(SENTENCE),
        "blazeface": blazeface(arguments.picture),
    }
    for name, inputs in examples.items():
        path = arguments.out / name / "example.json"
        path.write_text(layout({"inputs": inputs}) + "\n", encoding="utf-8", newline="\n")
        print(f"{path}: {path.stat().st_size} bytes")


def iris():
    """The first flower of each species."""
    return {"X": load_iris().data[[0, 50, 100]].tolist()}


def breast_cancer():
    """The first malignant and the first benign case."""
    data = load_breast_cancer()
    return {"X": data.data[[np.argmax(data.target == 0), np.argmax(data.target == 1)]].tolist()}


def diabetes():
    """The first two patients, already scaled as the model wants them."""
    return {"X": load_diabetes().data[:2].round(6).tolist()}


def digits():
    """An image of a 5 that the training did not see; brightness 0..16 becomes 0..1."""
    held_back = 551
    return {"image": (load_digits().images[held_back] / 16)[None, None].tolist()}


def spam(text, vocabulary):
    """One mail, so nothing is padded and the mask is all ones. Line n of the vocabulary, from 0, is the token with id n."""
    ids = {token: number for number, token in enumerate(vocabulary.read_text(encoding="utf-8").split("\n"))}
    tokens = re.findall(r"[a-z']+|[0-9]+|[^\sa-z0-9]", text.lower())[:94]
    input_ids = [ids["[CLS]"], *(ids.get(token, ids["[UNK]"]) for token in tokens), ids["[SEP]"]]
    return {"input_ids": [input_ids], "attention_mask": [[1] * len(input_ids)]}


def silero_vad(sentence):
    """32 ms of speech at 16 kHz, window 43 of the sentence, with the 64 samples before it and a fresh state."""
    wav = subprocess.run(["espeak-ng", "-v", "en", "-s", "150", "--stdout", sentence], stdout=subprocess.PIPE, check=True).stdout
    wav_header = 44
    speech = np.frombuffer(wav[wav_header:], dtype="<i2") / 32768
    speech = resample_poly(speech, 16000, 22050).round(6)
    start, context, window = 43 * 512, 64, 512
    return {
        "input": [speech[start - context:start + window].tolist()],
        "state": np.zeros((2, 1, 128), dtype=int).tolist(),
        "sr": 16000,
    }


def blazeface(picture):
    """The whole picture at 128 x 128, red, green and blue from -1 to 1; three decimals hold eight bits."""
    pixels = np.asarray(Image.open(picture).convert("RGB").resize((128, 128), Image.BOX))
    return {"input:0": (pixels / 127.5 - 1).round(3)[None].tolist()}


def layout(value, indent=0):
    """JSON with lines of readable length: what fits stays on one line, longer arrays are filled line by line."""
    text = json.dumps(value)
    if indent + len(text) <= LINE and not (isinstance(value, dict) and indent < 4):
        return text

    inner = " " * (indent + 2)
    if isinstance(value, dict):
        items = [f"{json.dumps(key)}: {layout(item, indent + 2)}" for key, item in value.items()]
        return "{\n" + ",\n".join(inner + item for item in items) + "\n" + " " * indent + "}"

    lines = [""]
    for number, item in enumerate(value):
        piece = layout(item, indent + 2) + ("," if number + 1 < len(value) else "")
        if lines[-1] and ("\n" in piece or "\n" in lines[-1] or len(inner) + len(lines[-1]) + 1 + len(piece) > LINE):
            lines.append(piece)
        else:
            lines[-1] = f"{lines[-1]} {piece}".lstrip()
    return "[\n" + "\n".join(inner + line for line in lines) + "\n" + " " * indent + "]"


if __name__ == "__main__":
    main()
