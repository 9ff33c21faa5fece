#!/usr/bin/python3
"""The kernel as oracle: the same frames to Linux and to Sluice, and what left both, byte for byte.

    oracle.py SLUICE CAPTURES WORK_FOLDER NAMESPACE_SUFFIX
"""
import itertools
import os
import sys

import captures
import compare
import differences
import generate4
import generate6
import kernel
import links
import mutate
import replay
from topology import MTU, Round

SEED = 20240601
LANES = (1, 2)
PER_CAPTURE, PER_CAPTURE_AGAIN, MUTANTS = 300, 12, 6000
SHOWN = 40


class Case:
    def __init__(self, rnd, name, port, frame):
        self.round, self.name, self.port, self.frame = rnd, name, port, frame


def routed_cases(folder, per_capture):
    recorded = [(name, 'wan', frame) for name, frame in captures.frames(folder, per_capture, MTU['wan'] + 14)]
    generated = list(itertools.chain(generate4.cases(), generate6.cases()))
    mutants = list(mutate.mutate(generated, MUTANTS, SEED))
    if recorded:
        mutants += mutate.mutate(recorded, MUTANTS, SEED)
    return [(name, port, captures.spread(frame, number))
            for number, (name, port, frame) in enumerate(generated + recorded + mutants)]


def rounds(folder):
    yield Round('forward'), routed_cases(folder, PER_CAPTURE)
    yield Round('strict', rp_filter='strict', redirects=True), routed_cases(folder, PER_CAPTURE_AGAIN)
    yield Round('links'), list(links.cases())
    yield Round('resolve'), list(links.resolving())


def run_round(rnd, cases, sluice, work, suffix, tally):
    cases = [Case(rnd, *c) for c in cases]
    router = kernel.Kernel(rnd, f'sl-oracle-{rnd.name}-r-{suffix}', f'sl-oracle-{rnd.name}-w-{suffix}')
    try:
        router.ready()
        by_kernel = router.play(cases)
    finally:
        router.close()
    for lanes in LANES:
        by_sluice, _ = replay.play(rnd, lanes, cases, sluice, os.path.join(work, f'{rnd.name}{lanes}'))
        for number, case in enumerate(cases):
            tally.add(f'{rnd.name}/{lanes}:{number}', case, by_kernel[number], by_sluice[number])


def show(unequal):
    where, case, k, s = unequal
    print(f'{where} {case.name}\n  in  {case.port} {case.frame.hex()}')
    for who, frames in (('kernel', k), ('sluice', s)):
        for port, list_ in frames.items():
            for frame in list_:
                print(f'  {who} {port} {frame.hex()}')
        if not any(frames.values()):
            print(f'  {who} nothing')


def report(tally, reasons):
    print(f'{tally.compared} packets compared ({tally.unsent} the kernel would not send): {tally.forwarded} forwarded, '
          f'{tally.answered} answered, {tally.dropped} dropped by both, byte for byte')
    for name, count in tally.used.items():
        print(f'{count:7} {name}: {reasons.get(name, "no reason in differences.txt")}')
    for unequal in tally.unequal[:SHOWN]:
        show(unequal)
    if tally.unequal:
        print(f'{len(tally.unequal)} differ for no reason that differences.txt knows')
    unused = [name for name, count in tally.used.items() if not count]
    for name in unused:
        print(f'no packet needs the difference {name} any more: take it out')
    unnamed = set(tally.used) ^ set(reasons)
    for name in sorted(unnamed):
        print(f'{name}: in one of differences.py and differences.txt only')
    return not (tally.unequal or unused or unnamed)


def main(sluice, folder, work, suffix):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    tally = compare.Tally(differences.MATCHERS)
    for rnd, cases in rounds(folder):
        run_round(rnd, cases, sluice, work, suffix, tally)
    if os.environ.get('SLUICE_ORACLE_DUMP'):
        import pickle
        with open(os.environ['SLUICE_ORACLE_DUMP'], 'wb') as f:
            pickle.dump([(w, c.name, c.port, c.frame, k, s) for w, c, k, s in tally.unequal], f)
    return 0 if report(tally, differences.read_reasons()) else 1


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:5]))
