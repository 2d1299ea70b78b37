// Users who each send one request a second over a connection of their own: 70 % list, 10 % read, 10 % create,
// 10 % change. BASE is the API's address, USERS a file of [{token, tasks: [id, …]}], PHASES what is told apart in the
// summary, as [[name, seconds], …]; OUT is where the summary goes.
import { sleep } from "k6";
import exec from "k6/execution";
import http from "k6/http";
import { SharedArray } from "k6/data";
import { Trend } from "k6/metrics";

export const BASE = __ENV.BASE;
export const PHASES = JSON.parse(__ENV.PHASES);
const STATUSES = ["0", "401", "404", "409", "429", "500", "503"];
const DURATION = PHASES.reduce((sum, [, seconds]) => sum + seconds, 0);
const TASKS = `${BASE}/api/v1/users/me/tasks`;

// Parsed once for all, and not once for each of 1,000 JavaScript machines.
const users = new SharedArray("users", () => JSON.parse(open(__ENV.USERS)));

// How long after its second a request was sent: what a slow answer, or a k6 short of CPU, would otherwise hide.
const late = new Trend("late", true);

// A threshold is how k6 is told to keep a metric apart by its tags.
const thresholds = Object.fromEntries(
  PHASES.flatMap(([phase]) => [
    `http_req_duration{phase:${phase}}`,
    `late{phase:${phase}}`,
    `http_reqs{phase:${phase},expected_response:false}`,
    `http_req_duration{phase:${phase},kind:read}`,
    ...STATUSES.map((status) => `http_reqs{phase:${phase},status:${status}}`),
  ]).map((name) => [name, []]),
);

export const options = {
  scenarios: {
    paced: {
      executor: "per-vu-iterations",
      vus: users.length,
      iterations: 1,
      maxDuration: `${DURATION + 30}s`,
    },
  },
  thresholds,
  discardResponseBodies: true,
  systemTags: ["status", "expected_response"],
  summaryTrendStats: ["count", "med", "p(95)", "p(99)", "max"],
  setupTimeout: "60s",
};

export function setup() {
  return { start: Date.now() + 500 };
}

export default function ({ start }) {
  const index = exec.scenario.iterationInTest;
  const me = user(users[index], index);
  // Anywhere in the second, and the same in each run: people come neither all at once nor one after the other.
  const offset = Math.abs(Math.sin(index + 1) * 1e7) % 1000;
  for (let due = start + offset; ; due += 1000) {
    sleep(Math.max(0, due - Date.now()) / 1000);
    const now = Date.now();
    const phase = phaseAt((now - start) / 1000);
    if (phase === undefined) return;
    late.add(Math.max(0, now - due), { phase });
    me.request(phase);
  }
}

function phaseAt(moment) {
  return PHASES.find(([, seconds]) => (moment -= seconds) < 0)?.[0];
}

function user({ token, tasks }, index) {
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  let n = index;
  const task = () => `${TASKS}/${tasks[Math.floor(n / 10) % tasks.length]}`;
  return {
    request(phase) {
      // 7 is prime to 10: each user has exactly the mix, and at no time do all do the same.
      const turn = (7 * ++n) % 10;
      const params = { headers, tags: { phase, kind: turn < 8 ? "read" : "write" } };
      if (turn < 7) http.get(`${TASKS}?limit=20`, params);
      else if (turn === 7) http.get(task(), params);
      else if (turn === 8) http.post(TASKS, `{"title": "Water the plants ${n}"}`, params);
      else http.patch(task(), `{"title": "Water the plants again ${n}"}`, params);
    },
  };
}

export function handleSummary(data) {
  return { [__ENV.OUT]: JSON.stringify(data) };
}
