"""Shared by the rows of compare: the machine and its load, the programs and frameworks, and rounds in turns."""

from common import *  # first: goes on in the Python of ./venv

import platform
import shutil
import statistics
import subprocess
import time

BUSY = 0.1  # the fraction of the processors that other programs use: above, there is no result
SLOW = 1.25  # a probe that takes this many times its shortest time is slow; if every fourth is, there is no result
THREADS = 2
DROP = 1.5  # a variant that takes this many times longer than the best of its kind in the first round is not run again


# ---- 1. The machine and its load


def ticks(path):
    """Processor time of a process, in ticks, with that of its children that have ended; and its parent."""
    with open(path) as file:
        field = file.read().rpartition(")")[2].split()
    return int(field[1]), sum(map(int, field[11:15]))


def our_seconds():
    """Processor time of this process and of all below it."""
    known, below = {}, {os.getpid()}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            known[int(pid)] = ticks(f"/proc/{pid}/stat")
        except OSError:
            pass  # it has ended meanwhile
    while more := {pid for pid, (parent, _) in known.items() if parent in below} - below:
        below |= more
    return sum(known[pid][1] for pid in below if pid in known) / os.sysconf("SC_CLK_TCK")


class Load:
    """The fraction of the processors that other programs use during a measurement: the machine's busy time less ours. Other
    machines on the same processor are not in it: they show in a probe of the core's speed before and after."""

    def __init__(self):
        self.others = self.whole = 0
        self.probes = []

    @staticmethod
    def probe():
        """Seconds of a fixed piece of work; the shortest of three, without interruptions."""
        times = []
        for _ in range(3):
            begin = time.perf_counter()
            sum(i * i for i in range(20000))
            times.append(time.perf_counter() - begin)
        return min(times)

    @staticmethod
    def now():
        with open("/proc/stat") as file:
            user, nice, system, idle, wait, irq, soft, steal = map(int, file.readline().split()[1:9])
        busy = user + nice + system + irq + soft + steal
        tick = os.sysconf("SC_CLK_TCK")
        return busy / tick - our_seconds(), (busy + idle + wait) / tick

    def __enter__(self):
        self.probes.append(self.probe())
        self.begin = self.now()

    def __exit__(self, *_):
        self.probes.append(self.probe())
        others, whole = (b - a for a, b in zip(self.begin, self.now()))
        self.others += others
        self.whole += whole

    def share(self):
        return max(self.others, 0) / self.whole if self.whole else 0

    def slow(self):
        """The fraction of the probes that were slow."""
        return sum(p > SLOW * min(self.probes) for p in self.probes) / len(self.probes) if self.probes else 0


def cpu_says(*names):
    """The first line of /proc/cpuinfo with one of these names."""
    with open("/proc/cpuinfo") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name.strip() in names:
                return value.strip()
    return ""


def machine():
    flags = cpu_says("flags", "Features").split()
    isa = [f for f in ("avx2", "fma", "avx512f", "avx512bw", "avx512_bf16", "asimd", "sve") if f in flags]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    name = cpu_says("model name") or platform.machine()
    cores, system = len(os.sched_getaffinity(0)), f"{platform.system()} {platform.release()}"
    return f"{cores} processors of {name} ({' '.join(isa)}), {memory:.0f} GiB, {system}; {caches()}"


def caches():
    """The caches of the first processor: "L1 32K for processors 0, ..."."""
    found, base = [], "/sys/devices/system/cpu/cpu0/cache"
    for index in sorted(os.listdir(base)) if os.path.isdir(base) else []:

        def say(name, index=index):
            with open(os.path.join(base, index, name)) as file:
                return file.read().strip()

        if index.startswith("index") and say("type") != "Instruction":
            found.append(f"L{say('level')} {say('size')} for processors {say('shared_cpu_list')}")
    return ", ".join(found) or "caches unknown"


# ---- 2. The programs and frameworks that are measured


class Trouble(Exception):
    pass


def child(command, out, source=os.devnull, env=None):
    """Runs a program to its end: wall seconds, processor seconds."""
    path = shutil.which(command[0]) or die(f"{command[0]} is not on PATH; build it first, or set FMNN_BUILD")
    actions = [(os.POSIX_SPAWN_OPEN, 0, source, os.O_RDONLY, 0),
               (os.POSIX_SPAWN_OPEN, 1, out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)]  # fmt: skip
    begin = time.perf_counter()
    pid = os.posix_spawn(path, command, os.environ | (env or {}), file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - begin
    if status:
        raise Trouble(f"{' '.join(command)}: exit status {os.waitstatus_to_exitcode(status)}")
    return seconds, usage.ru_utime + usage.ru_stime


# The resident memory of a child includes its parent's at the time of the fork: so a small process starts it.
RESIDENT = """import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
_, status, usage = os.wait4(pid, 0)
print(usage.ru_maxrss * 1024 / 1e6)
sys.exit(os.waitstatus_to_exitcode(status))"""


def resident(command, source):
    """Peak resident memory of a program, in MB."""
    path = shutil.which(command[0]) or die(f"{command[0]} is not on PATH; build it first, or set FMNN_BUILD")
    with open(source) as file:
        done = subprocess.run([sys.executable, "-S", "-c", RESIDENT, path, *command[1:]], stdin=file, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise Trouble(f"{' '.join(command)}: exit status {done.returncode}")
    return float(done.stdout)


class Worker:
    """A framework in its own process, started with the first request."""

    def __init__(self, a, program, threads, kernels):
        self.program, self.errors = program, os.path.join(a.scratch, f"{program}-{threads}-{kernels}.log")
        env = os.environ | {"TORCHINDUCTOR_FREEZING": "1", "OMP_NUM_THREADS": str(threads)}
        if kernels == "avx2":
            env |= {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
        command = [sys.executable, "-B", os.path.join(HERE, program), str(threads)]
        with open(self.errors, "w") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=env)

    def ask(self, do, **job):
        try:
            print(json.dumps({"do": do} | job), file=self.process.stdin, flush=True)
            answer = json.loads(self.process.stdout.readline() or '{"error": "has ended"}')
        except BrokenPipeError:
            answer = {"error": "has ended"}
        if "error" in answer:
            with open(self.errors) as file:
                sys.stderr.write("".join(file.readlines()[-20:]))
            raise Trouble(f"{self.program}: {answer['error']}")
        return answer

    def end(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:  # it has ended already
            pass
        self.process.wait()


class Bench:
    """Shared by all rows: options, data, weights, workers."""

    def __init__(self, a):
        self.a, self.workers, self.starts, self.about = a, {}, {}, {}
        self.data = find_data(a.scratch)

    def worker(self, who, threads=THREADS, kernels=""):
        key = who, threads, kernels
        if key not in self.workers:
            self.workers[key] = Worker(self.a, f"compare-{who}", threads, kernels)
            self.about[key] = self.workers[key].ask("about")["about"]
        return self.workers[key]

    def file(self, name):
        return os.path.join(self.a.scratch, name)

    def train_table(self, count):
        path = self.file(f"{count}.tsv")
        if not os.path.exists(path):
            with open(path, "w") as file:
                file.write(table(self.data.names("train", range(count)), self.data.train_label, ["train"] * count))
        return path

    def start(self, model, lr):
        """The file with fm-train's starting weights."""
        if model not in self.starts:
            path = self.file(f"start-{len(self.starts)}.safetensors")
            child(["fm-train", "-q", "-m", model, "--lr", str(lr), "-e", "0", "-o", path], os.devnull, self.train_table(32))
            self.starts[model] = path
        return self.starts[model]

    def end(self):
        """Ends all workers; the next requests start new ones."""
        for worker in self.workers.values():
            worker.end()
        self.workers.clear()


# ---- 3. Rounds


class Line:
    """One runner of a row: its measure() gives a dictionary with "value", and perhaps "cpu", "losses", "proof"."""

    def __init__(self, name, who, measure, kind="", warm=None):
        self.name, self.who, self.measure, self.kind = name, who, measure, kind
        self.warm, self.values, self.cpu, self.losses, self.proof = warm or measure, [], [], [], ""
        self.dropped = ""

    def begin(self):
        got = self.warm()
        self.losses, self.proof = got.get("losses", []), got.get("proof", "")

    def round(self):
        got = self.measure()
        self.values.append(got["value"])
        if "cpu" in got:
            self.cpu.append(got["cpu"])
        return got

    def median(self):
        return statistics.median(self.values)


def drop_slow(lines, higher):
    for line in lines:
        peers = [l.values[0] for l in lines if l.who == line.who and l.kind == line.kind]
        best = max(peers) if higher else min(peers)
        if (best / line.values[0] if higher else line.values[0] / best) > DROP:
            line.dropped = "one round only"


def play(lines, rounds, load, higher=False):
    """Warms each line up, then measures in turns. Lines that cannot run (no compiler) print that and are left out."""
    able = []
    for line in lines:
        try:
            line.begin()
            able.append(line)
        except Trouble as trouble:
            if line.who == "fmnn" or "compiled" not in line.name:
                raise
            print(f"{line.name}: left out: {trouble}", file=sys.stderr)
    for turn in range(rounds):
        for line in able:
            if not line.dropped:
                with load:
                    line.round()
        if turn == 0 and rounds > 1:
            drop_slow(able, higher)
    return able


def best(lines, who, higher, kind=None):
    """The line of this framework with the best median, None where there is none."""
    some = [line for line in lines if line.who == who and not line.dropped and kind in (None, line.kind)]
    return (max if higher else min)(some, key=Line.median) if some else None


class Goal:
    """A ratio that a row should reach, or with `most` a number that it should not exceed."""

    def __init__(self, what, value, goal, most=False):
        self.what, self.value, self.goal, self.most = what, value, goal, most

    def met(self):
        return self.value <= self.goal if self.most else self.value >= self.goal


class Result:
    def __init__(self, row, unit, lines, load, higher=False):
        self.row, self.unit, self.lines, self.load, self.higher = row, unit, lines, load, higher
        self.ours = best(lines, "fmnn", higher)
        self.goals, self.notes, self.cpu = [], [], []

    def best(self, who, kind=None):
        return best(self.lines, who, self.higher, kind)

    def ratio(self, line):
        a, b = self.ours.median(), line.median()
        return a / b if self.higher else b / a

    def against(self, who, goal):
        """Records the ratio to this framework's best, a goal or not."""
        if line := self.best(who):
            self.goals.append(Goal(who, self.ratio(line), goal))

    def verdict(self, quick):
        judged = [goal for goal in self.goals if goal.goal]
        if not judged:
            return "-"
        if quick:
            return "not judged: --quick"
        if self.load.share() > BUSY:
            return f"not judged: others had {100 * self.load.share():.0f} %"
        if self.load.slow() > 0.25:
            return f"not judged: the core was slow in {100 * self.load.slow():.0f} % of the probes"
        return "met" if all(goal.met() for goal in judged) else "NOT MET"
