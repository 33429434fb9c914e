#!/usr/bin/env bash
# @microsoft/durabletask-js 0.4.0, with its own in-memory backend, which needs Node 22: run with a later one.
# Expected: an orchestration that waits for an approval in rounds, whenAny of an event and of a timer, gets the event in the round
# in which it comes, as with durable-functions 3.5.0, where the latest wait gets it.
# Seen: the wait of a round that timed out stays in the queue and takes the event; nobody looks at it any more, so the approval
# is lost without an error. As many events are lost as rounds have passed: in the second round the second event arrives, in
# the third one the third. A wait cannot be withdrawn, only a timer has cancel(). One wait for all rounds, made before the
# loop, gets it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-save --no-audit --no-fund --prefix "$work/node" "node-$(node -p 'process.platform')-$(node -p 'process.arch')@24" >/dev/null
PATH="$(echo "$work"/node/node_modules/node-*/bin):$PATH"
npm install --silent --no-audit --no-fund --legacy-peer-deps @microsoft/durabletask-js@0.4.0 >/dev/null

cat >probe.cjs <<'PROBE'
const {
  InMemoryOrchestrationBackend,
  TestOrchestrationClient,
  TestOrchestrationWorker,
  whenAny,
} = require('@microsoft/durabletask-js');

const ROUNDS = 3;
async function* approval(context, oneWait) {
  const start = context.currentUtcDateTime.getTime();
  const forAllRounds = oneWait ? context.waitForExternalEvent('approved') : undefined;
  for (let round = 1; round <= ROUNDS; round += 1) {
    context.setCustomStatus(round);
    const event = forAllRounds ?? context.waitForExternalEvent('approved');
    const timer = context.createTimer(new Date(start + round * 4000));
    if ((yield whenAny([event, timer])) === event) {
      timer.cancel();
      return `${event.getResult()} in round ${round}`;
    }
  }
  return 'never approved';
}

async function main() {
  const backend = new InMemoryOrchestrationBackend();
  const worker = new TestOrchestrationWorker(backend);
  const client = new TestOrchestrationClient(backend);
  worker.addNamedOrchestrator('approval', approval);
  await worker.start();
  const run = async (round, events, oneWait = false) => {
    const id = await client.scheduleNewOrchestration('approval', oneWait);
    while ((await client.getOrchestrationState(id, true))?.serializedCustomStatus !== String(round))
      await new Promise((resolve) => setTimeout(resolve, 20));
    for (let event = 1; event <= events; event += 1)
      await client.raiseOrchestrationEvent(id, 'approved', `event ${event}`);
    const { serializedOutput } = await client.waitForOrchestrationCompletion(id, true, 60);
    return `events ${events}, raised in round ${round}${oneWait ? ', one wait for all' : ''}: ${serializedOutput}`;
  };
  const runs = [run(1, 1), run(2, 1), run(2, 2), run(3, 2), run(3, 3), run(3, 1, true)];
  for (const line of await Promise.all(runs)) console.log(line);
  await worker.stop();
}
main();
PROBE

cat >expected <<'EXPECTED'
events 1, raised in round 1: "event 1 in round 1"
events 1, raised in round 2: "never approved"
events 2, raised in round 2: "event 2 in round 2"
events 2, raised in round 3: "never approved"
events 3, raised in round 3: "event 3 in round 3"
events 1, raised in round 3, one wait for all: "event 1 in round 3"
EXPECTED

timeout 120 node probe.cjs | grep '^events' | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
