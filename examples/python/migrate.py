#!/usr/bin/env python3
"""Moves a VM from one vcpud to another while its guest runs: all that an orchestrator has to do, by the API alone.

Both ways of docs/compose-a-migration.md: memory from host to host (the default), or through this program (--relay).
Exit status: 0 moved; 1 not moved, the VM is at the source as before; 2 misuse; 3 not finished.
"""

import argparse
import itertools
import queue
import sys
import time
import uuid

import grpc
from vcpud.v1 import host_pb2, memory_pb2, migration_pb2, vm_pb2
from vcpud.v1 import host_pb2_grpc, memory_pb2_grpc, migration_pb2_grpc, vm_pb2_grpc

PAGE_BYTES, MOST_ROUNDS = 4096, 30
FIXED_MS, FEW_PAGES = 20, 64  # what a switch costs beside pages; a round of so few says little of the rate
ABANDON, RUN_HERE = migration_pb2.MIGRATION_OUTCOME_ABANDON, migration_pb2.MIGRATION_OUTCOME_RUN_HERE


class NotMoved(Exception):
    """The guest is at the source, and nothing of it at the destination."""


class Unfinished(Exception):
    """Something is left on a side, or the guest may run at the destination: its sentence says what is known."""


class Vcpud:
    """Every rpc by its name, such as vcpud.GetVm(name="vms/web"); one that streams requests takes an iterator."""

    def __init__(self, endpoint, args):
        target = endpoint.removeprefix("tcp://")  # gRPC knows unix:///PATH by itself
        files = [open(path, "rb").read() for path in (args.tls_ca, args.tls_key, args.tls_cert) if path]
        tls = grpc.ssl_channel_credentials(*files) if files else None
        channel = grpc.secure_channel(target, tls) if tls else grpc.insecure_channel(target)
        stubs = (host_pb2_grpc.HostServiceStub, vm_pb2_grpc.VmServiceStub,
                 memory_pb2_grpc.MemoryServiceStub, migration_pb2_grpc.MigrationServiceStub)
        for messages, stub in zip((host_pb2, vm_pb2, memory_pb2, migration_pb2), stubs):
            for rpc, call in vars(stub(channel)).items():
                plain = isinstance(call, (grpc.UnaryUnaryMultiCallable, grpc.UnaryStreamMultiCallable))
                request = getattr(messages, f"{rpc}Request")
                setattr(self, rpc, (lambda c=call, r=request, **fields: c(r(**fields))) if plain else call)


class Rounds:
    """When to switch: the rule of lib/migration/pre-copy.ts."""

    def __init__(self, args):
        self.most_ms, self.count, self.rate, self.stuck = args.max_blackout, 0, 1.0, 0
        self.best = self.last = float("inf")

    def enough(self, sent_bytes, ms, dirty):
        """Whether to switch after a round that left so many dirty pages. Raises NotMoved where rounds don't help."""
        self.count += 1
        if self.count == 1 or sent_bytes > FEW_PAGES * PAGE_BYTES:
            self.rate = max(self.rate, sent_bytes / max(ms, 0.1))
        blackout = FIXED_MS + dirty * PAGE_BYTES / self.rate
        print(f"round {self.count}: {sent_bytes} bytes in {ms:.0f} ms, {dirty} pages left, blackout {blackout:.0f} ms")
        self.best, self.stuck = (dirty, 0) if dirty < 0.9 * self.best else (self.best, self.stuck + 1)
        shrinks = dirty * 2 < self.last and self.count < MOST_ROUNDS
        self.last = dirty
        if blackout <= self.most_ms:
            return blackout <= 2 * FIXED_MS or not shrinks
        if self.stuck >= 4 or self.count >= MOST_ROUNDS:
            raise NotMoved(f"the guest writes too fast: a blackout of {blackout:.0f} ms after {self.count} rounds")


def direct(source, destination, args, name):
    """Memory and states go from host to host. Gives the blackout in ms, and what ends the VM's rest at the source."""
    this = {"name": name, "migration_id": str(uuid.uuid4())}
    vm = source.GetVm(name=name).vm
    token = destination.PrepareVm(vm_id=args.vm, vm=vm, migration_id=this["migration_id"]).token
    commands = queue.SimpleQueue()
    answers = source.SendVm(iter(commands.get, None))

    def ask(answer, **command):
        commands.put(migration_pb2.SendVmRequest(**command))
        return next(getattr(said, answer) for said in answers if said.HasField(answer))  # progress comes in between

    try:
        ask("started", start={**this, "token": token, "destination": args.peer or args.to})
        rounds, more = Rounds(args), True
        while more:
            done = ask("round_done", round={})
            more = not rounds.enough(done.sent_bytes, done.duration.ToMilliseconds(), done.dirty_pages)
        switched = ask("switched", switch_over={"verify_memory": args.verify})
    except BaseException as error:
        answers.cancel()
        left = refusal(destination.ResolveMigration, **this, outcome=ABANDON)  # not where the guest has arrived
        if not left or left.code() == grpc.StatusCode.NOT_FOUND:
            left = refusal(source.ResolveMigration, **this, outcome=RUN_HERE)  # not where it is the source's anyway
            if not left or left.code() == grpc.StatusCode.FAILED_PRECONDITION:
                raise
        raise Unfinished(f"{sentence(error)}; and then {sentence(left)}") from error
    finally:
        commands.put(None)
    return switched.blackout.ToMilliseconds(), lambda: source.ResolveMigration(**this, outcome=ABANDON)


def relay(source, destination, args, name):
    """Memory and states go through this program. Gives the same."""
    ran = (vm := source.GetVm(name=name).vm).run_state == vm_pb2.VM_RUN_STATE_RUNNING
    vm.ClearField("linux_boot")  # its memory is what was booted
    destination.CreateVm(vm_id=args.vm, vm=vm)
    told_to_run = False

    def write(chunks):
        """Gives the bytes that travelled, and for how long, in ms."""
        since, sent, broken = time.monotonic(), [], []

        def requests():
            try:
                for chunk in chunks:
                    sent.append(len(chunk.data))
                    what = chunk.WhichOneof("content")
                    yield memory_pb2.WriteMemoryRequest(name=name, gpa=chunk.gpa, **{what: getattr(chunk, what)})
            except grpc.RpcError as error:  # the source's; raised in here, only gRPC's own thread would see it
                broken.append(error)

        for first in (messages := requests()):  # a stream without a message would be refused
            destination.WriteMemory(itertools.chain([first], messages))
        if broken:
            raise broken[0]
        return sum(sent), (time.monotonic() - since) * 1000

    try:
        source.StartDirtyTracking(name=name)
        sent = write(chunk for region in vm.memory_regions
                     for chunk in source.ReadMemory(name=name, gpa=region.gpa, size_bytes=region.size_bytes))
        rounds = Rounds(args)
        while not rounds.enough(*sent, next(pages := source.CollectDirtyPages(name=name)).head.page_count):
            sent = write(pages)
        pages.cancel()  # it was begun for its head: the last collect brings its pages
        stopped = time.monotonic()
        source.PauseVm(name=name)
        state = source.GetVmState(name=name).state
        # After the state: KVM may write memory as it is taken.
        next(pages := source.CollectDirtyPages(name=name, resend=True))
        write(pages)
        destination.SetVmState(name=name, state=state)
        if ran:
            told_to_run = True
            destination.RunVm(name=name)
    except BaseException as error:
        if told_to_run:
            raise Unfinished(f"{sentence(error)}; GetVm at the destination tells whether it runs there") from error
        left = [refusal(destination.DeleteVm, name=name), refusal(source.StopDirtyTracking, name=name)]
        left += [refusal(source.RunVm, name=name)] if ran else []  # it never ran there: RunVm was not called
        if any(left):
            raise Unfinished("; and then ".join(sentence(each) for each in [error, *left] if each)) from error
        raise
    return (time.monotonic() - stopped) * 1000, lambda: source.DeleteVm(name=name)


def refusal(call, **fields):
    """None where the call succeeds, else its error."""
    try:
        call(**fields)
    except grpc.RpcError as error:
        return error


def sentence(error):
    return f"{error.code().name}: {error.details()}" if isinstance(error, grpc.Call) else str(error) or repr(error)


def main():
    parser = argparse.ArgumentParser(description="Moves a VM while its guest runs.")
    parser.add_argument("vm", help="its id")
    parser.add_argument("--from", dest="source", required=True, metavar="ENDPOINT")
    parser.add_argument("--to", required=True, metavar="ENDPOINT", help="unix:///PATH or tcp://HOST:PORT")
    parser.add_argument("--peer", metavar="ENDPOINT", help="the destination as the source reaches it")
    parser.add_argument("--relay", action="store_true", help="memory goes through this program")
    parser.add_argument("--verify", action="store_true", help="compare all memory before the guest goes on")
    parser.add_argument("--max-blackout", type=float, default=300, metavar="MS")
    for file in ("ca", "key", "cert"):
        parser.add_argument(f"--tls-{file}", metavar="FILE")
    args = parser.parse_args()
    source, destination, name = Vcpud(args.source, args), Vcpud(args.to, args), f"vms/{args.vm}"
    try:
        requirements = source.GetVmRequirements(name=name).requirements
        answer = destination.CheckCompatibility(requirements=requirements)
        print(*(f"{finding.reason}: {finding.message}\n" for finding in answer.findings), sep="", end="")
        if not answer.compatible:
            raise NotMoved("the destination can't take this VM")
        blackout, forget = (relay if args.relay else direct)(source, destination, args, name)
        if left := refusal(forget):
            raise Unfinished(f"the guest is at the destination, its rest at the source: {sentence(left)}")
        print(f"moved, blackout {blackout:.0f} ms")
        return 0
    except (NotMoved, Unfinished, grpc.RpcError, KeyboardInterrupt) as error:
        unfinished = isinstance(error, Unfinished)
        print(f"{'not finished' if unfinished else 'not moved'}: {sentence(error)}", file=sys.stderr)
        return 3 if unfinished else 1


if __name__ == "__main__":
    sys.exit(main())
