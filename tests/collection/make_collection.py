#!/usr/bin/python3
"""Writes a collection of small ONNX models with inputs and the outputs they must give.

The expected outputs are computed with numpy, never with ONNX Runtime: they are a second opinion on what the gateway answers.
Needs numpy and onnx (Debian: python3-onnx); no network. The same run gives the same files.

    make_collection.py OUT                     our own cases, over every operator family, type and rank
    make_collection.py OUT --onnx-node-tests   also the official ONNX backend tests, where they are installed (Debian: libonnx-testdata)
    make_collection.py OUT --only REGEX        only the cases whose name matches

Layout
    OUT/repository/<model>/1/model.onnx        a model repository, ready to be served
    OUT/cases/<model>.json                     one request and its answer

Case
    model        the name; it matches [A-Za-z0-9][A-Za-z0-9._-]{0,127}
    family       the group of operators or questions it belongs to
    tolerance    a number is right if |got - want| <= tolerance * max(1, |want|). 0: exactly equal. NaN equals NaN, infinities
                 only themselves, -0 equals 0. It holds for the float types only; everything else is exact.
    inputs       list of tensors, with "dims" beside them. An input of the model that is not listed is to be left out.
    outputs      list, in the model's order; all of them

Tensor
    name         of the input or output
    datatype     BOOL, UINT8..UINT64, INT8..INT64, FP16, BF16, FP32, FP64, BYTES (the names of the Open Inference Protocol)
    shape        list of dimensions; [] for a scalar
    data         flat, row-major. BOOL: true/false. Integers: JSON integers, also beyond 2^53. Floats of every width: the exact
                 value as a JSON number that reads back to the same bits, or "NaN", "Infinity", "-Infinity". BYTES: strings.
    dims         inputs only, what the model declares: a number, a name, or null for a free dimension without name; null instead
                 of the list where not even the rank is declared

Outputs which are not tensors have a "kind" (absent: a tensor)
    tensor_sequence   "elements": list of tensors without name; no shape and data of its own
    map_sequence      one map a row: "labels" (list; "label_datatype" INT64 or BYTES) beside shape [rows, labels] and data.
                      The order of the labels is free, a comparison must go by label.
"""

import argparse
import re
import sys

import families
import node_tests
from kit import Collection


def main():
    parser = argparse.ArgumentParser(description="Writes ONNX models with inputs and expected outputs.")
    parser.add_argument("out", help="the folder to write to; made if absent, other files in it stay")
    parser.add_argument("--onnx-node-tests", action="store_true", help="convert the official ONNX backend tests too")
    parser.add_argument("--only", metavar="REGEX", help="only the cases whose name matches")
    arguments = parser.parse_args()

    collection = Collection()
    families.add_all(collection)
    if arguments.onnx_node_tests and not node_tests.add_all(collection):
        return 1

    if arguments.only:
        collection.cases = [case for case in collection.cases if re.search(arguments.only, case.name)]

    collection.write(arguments.out)
    print(f"{len(collection.cases)} cases written, {len(collection.skipped)} official tests skipped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
