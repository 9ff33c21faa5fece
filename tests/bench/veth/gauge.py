# gauge.py INTERFACE SECONDS: what an interface receives, in Mpps, and what the whole machine computes meanwhile, in
# processors.  The counter and the clock are read side by side by one process, which nothing on a busy machine keeps apart
# when it has real-time priority.
import os
import sys
import time

packets = open(f"/sys/class/net/{sys.argv[1]}/statistics/rx_packets")
stat = open("/proc/stat")
hz = os.sysconf("SC_CLK_TCK")


def look():
    packets.seek(0)
    stat.seek(0)
    user, nice, system, _, _, irq, softirq = map(int, stat.readline().split()[1:8])
    return time.monotonic(), int(packets.read()) / 1e6, (user + nice + system + irq + softirq) / hz


before = look()
time.sleep(float(sys.argv[2]))
after = look()
took = after[0] - before[0]
print(f"{(after[1] - before[1]) / took:.4f} {(after[2] - before[2]) / took:.2f}")
