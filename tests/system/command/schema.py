"""schema.py FILE...: each file NAME.SCHEMA holds JSON values, one behind the other, that are as deploy/schemas/SCHEMA.json
says; and there is one at the least."""
import json
import pathlib
import sys

import jsonschema


def values(text):
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        yield value
        while at < len(text) and text[at].isspace():
            at += 1


def check(path, schemas):
    name = path.suffix[1:]
    if name not in schemas:
        schema = json.loads(pathlib.Path(f'deploy/schemas/{name}.json').read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        schemas[name] = jsonschema.Draft202012Validator(schema)
    found = list(values(path.read_text()))
    if not found:
        yield f'{path.name}: nothing'
    for value in found:
        for error in schemas[name].iter_errors(value):
            yield f'{path.name}: {error.json_path}: {error.message[:300]}'


schemas = {}
wrong = [line for path in sys.argv[1:] for line in check(pathlib.Path(path), schemas)]
sys.exit('\n'.join(wrong) or 0)
