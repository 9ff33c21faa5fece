#!/usr/bin/python3
"""What Grafana would hold against a dashboard and its provisioning, as far as can be told without it.

    dashboard.py DASHBOARD DATASOURCES PROVIDERS (of deploy/grafana)

Fails with a line for each thing that is wrong; else prints the panels' questions to Prometheus, a line each, with the
variables filled in."""
import json
import re
import sys

import yaml

GRID = 24  # columns
OURS = {'__interval': '1m', '__rate_interval': '1m'}  # variables that Grafana brings


def overlap(a, b):
    return (a['x'] < b['x'] + b['w'] and b['x'] < a['x'] + a['w'] and
            a['y'] < b['y'] + b['h'] and b['y'] < a['y'] + a['h'])


def twice(values):
    return sorted({v for v in values if values.count(v) > 1})


def asked(dashboard):
    """Pairs of a datasource and what it is asked."""
    for panel in dashboard['panels']:
        for target in panel['targets']:
            yield panel['datasource'], target['expr']
            yield target['datasource'], target['expr']
    for annotation in dashboard['annotations']['list']:
        yield annotation['datasource'], annotation['expr']


def wrong_panels(panels):
    for number in twice([p['id'] for p in panels]):
        yield f'two panels have the id {number}'
    for title in twice([p['title'] for p in panels]):
        yield f'two panels are called {title}'
    for i, panel in enumerate(panels):
        place, refs = panel['gridPos'], [t['refId'] for t in panel['targets']]
        if place['x'] < 0 or place['w'] < 1 or place['x'] + place['w'] > GRID:
            yield f'{panel["title"]}: beyond the grid'
        if not refs or twice(refs):
            yield f'{panel["title"]}: refIds {refs}'
        for other in panels[:i]:
            if overlap(place, other['gridPos']):
                yield f'{panel["title"]} lies over {other["title"]}'


def wrong(dashboard, datasources, providers):
    known = {(d['type'], d['uid']) for d in datasources['datasources']}
    variables = {v['name'] for v in dashboard['templating']['list']} | set(OURS)
    if not re.fullmatch('[A-Za-z0-9_-]{1,40}', dashboard['uid']) or not dashboard['title']:
        yield 'no uid, or no title'
    if dashboard.get('id') is not None:
        yield 'an id, which is the database\'s to give'
    if dashboard['schemaVersion'] < 36:  # from there on datasources are objects
        yield f'schemaVersion {dashboard["schemaVersion"]}'
    if [p['type'] for p in providers['providers']] != ['file']:
        yield 'no folder is provisioned'
    yield from wrong_panels(dashboard['panels'])
    for source, question in asked(dashboard):
        if (source['type'], source['uid']) not in known:
            yield f'{question}: there is no datasource {source}'
        for name in re.findall(r'\$(\w+)', question):
            if name not in variables:
                yield f'{question}: there is no variable ${name}'
    for variable in dashboard['templating']['list']:
        if (variable['datasource']['type'], variable['datasource']['uid']) not in known:
            yield f'${variable["name"]}: there is no datasource {variable["datasource"]}'


def fill(question):
    return re.sub(r'\$(\w+)', lambda m: OURS.get(m[1], '.*'), question)


def main(paths):
    with open(paths[0]) as file:
        dashboard = json.load(file)
    others = []
    for path in paths[1:]:
        with open(path) as file:
            others.append(yaml.safe_load(file))
    found = list(wrong(dashboard, *others))
    if found:
        sys.exit('\n'.join(found))
    for question in dict.fromkeys(fill(question) for _, question in asked(dashboard)):
        print(question)


main(sys.argv[1:])
