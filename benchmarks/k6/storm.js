// The paced users, and beside them people who all sign in at the same moment: when the phase "storm" begins.
// PEOPLE is a file of [{email, password}]. Who is told to come back (503, 429) does so, as a client would.
import { sleep } from "k6";
import exec from "k6/execution";
import http from "k6/http";
import { SharedArray } from "k6/data";
import { Trend } from "k6/metrics";

import live, { BASE, PHASES, handleSummary, options as paced, setup } from "./paced.js";

const ATTEMPTS = 20;
const STATUSES = ["0", "200", "401", "429", "500", "503"];
const people = new SharedArray("people", () => JSON.parse(open(__ENV.PEOPLE)));
const before = PHASES.slice(0, PHASES.findIndex(([phase]) => phase === "storm"));
const offset = before.reduce((sum, [, seconds]) => sum + seconds, 0);

// Milliseconds from the beginning of the storm until somebody was in, over all their attempts.
const signedIn = new Trend("signed_in", true);

export const options = {
  ...paced,
  scenarios: {
    paced: paced.scenarios.paced,
    storm: {
      executor: "per-vu-iterations",
      exec: "signIn",
      vus: people.length,
      iterations: 1,
      startTime: `${Math.max(0, offset - 2)}s`,
      maxDuration: "60s",
    },
  },
  thresholds: {
    ...paced.thresholds,
    signed_in: [],
    ...Object.fromEntries(STATUSES.map((status) => [`http_req_duration{kind:sign_in,status:${status}}`, []])),
  },
};

export default live;
export { handleSummary, setup };

export function signIn({ start }) {
  const body = JSON.stringify(people[exec.scenario.iterationInTest]);
  const params = { headers: { "Content-Type": "application/json" }, tags: { kind: "sign_in" } };
  const begin = start + offset * 1000;
  sleep(Math.max(0, begin - Date.now()) / 1000);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const answer = http.post(`${BASE}/api/v1/auth/login`, body, params);
    if (answer.status === 200) return signedIn.add(Date.now() - begin);
    sleep(Number(answer.headers["Retry-After"]) || 1);
  }
}
