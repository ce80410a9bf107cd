"""Text in and out."""

from kit import Const, boolean, fp32, int64, text
from families.types import STRINGS


def add_cases(c):
    c.op("strings-identity", "Identity", [text(STRINGS)], [text(STRINGS)])
    c.op("strings-scalar", "Identity", [text("allein\n")], [text("allein\n")])
    c.op("strings-long", "Identity", [text(["ä" * 100_000, "", "end"])], [text(["ä" * 100_000, "", "end"])])
    c.op("strings-many", "Identity", [text([f"row {index}" for index in range(5000)])], [text([f"row {index}" for index in range(5000)])])
    c.op("strings-equal", "Equal", [text(["a", "B", "ü"]), text(["a", "b", "ü"])], [boolean([True, False, True])], opset=19)
    c.op("strings-concat", "StringConcat", [text(["ab", "", "🙂"]), text("-x")], [text(["ab-x", "-x", "🙂-x"])], opset=20)
    c.op("strings-split", "StringSplit", [text(["a,b", "c", "d,,e"])], [text([["a", "b", ""], ["c", "", ""], ["d", "", "e"]]), int64([2, 1, 3])],
         delimiter=",", opset=20)
    c.op("strings-regex", "RegexFullMatch", [text(["a1@b.c", "no"])], [boolean([True, False])], pattern=r"\w+@\w+\.\w+", opset=20)
    c.op("strings-upper", "StringNormalizer", [text(["abc", "D e"])], [text(["ABC", "D E"])], case_change_action="UPPER", locale="C")
    c.op("strings-stop-words", "StringNormalizer", [text(["the", "cat", "The"])], [text(["cat", "The"])], is_case_sensitive=1, stopwords=["the"])
    c.op("strings-all-stopped", "StringNormalizer", [text(["the", "the"])], [text([""])], is_case_sensitive=1, stopwords=["the"])
    c.op("strings-tile", "Tile", [text([["a", "b"]]), Const(int64([2, 1]))], [text([["a", "b"], ["a", "b"]])])
    c.op("strings-expand", "Expand", [text(["x"]), int64([2, 2])], [text([["x", "x"], ["x", "x"]])])
    c.op("strings-tfidf", "TfIdfVectorizer", [text(["a", "b", "a", "c"])], [fp32([2, 1, 1])], mode="TF", min_gram_length=1, max_gram_length=2,
         max_skip_count=0, ngram_counts=[0, 2], ngram_indexes=[0, 1, 2], pool_strings=["a", "b", "a", "b"])
    ml = "ai.onnx.ml"
    labels = {"keys_strings": ["kat", "hönd", ""], "values_int64s": [1, -2, 2**53 + 1], "default_int64": -1}
    c.op("strings-label-encoder", f"{ml}.LabelEncoder", [text(["hönd", "?", "", "kat"])], [int64([-2, -1, 2**53 + 1, 1])], **labels)
    c.op("strings-from-labels", f"{ml}.LabelEncoder", [int64([[2], [1], [9]])], [text([["zwei\n"], ["eins"], ["\"?\""]])],
         keys_int64s=[1, 2], values_strings=["eins", "zwei\n"], default_string="\"?\"")
    c.op("strings-one-hot", f"{ml}.OneHotEncoder", [text(["b", "z", "a"])], [fp32([[0, 1], [0, 0], [1, 0]])], cats_strings=["a", "b"])
    c.op("strings-category-mapper", f"{ml}.CategoryMapper", [text(["b", "x"])], [int64([20, -1])], cats_strings=["a", "b"], cats_int64s=[10, 20])
