// Reads [[source, flags], …] and writes what recheck says of each.
import {readFileSync} from "node:fs";
import {checkSync} from "recheck";

// It would call a pattern dear that is slow by the clock, as on a busy machine any is: it is to count characters alone.
const patient = {timeout: null, attackTimeout: null, incubationTimeout: null, seedingTimeout: null};

const verdict = ([source, flags]) => {
  new RegExp(source, flags); // throws where recheck would take what is no pattern for a safe one
  const {status, complexity, error} = checkSync(source, flags, patient);
  return status === "safe" ? status : [status, complexity?.summary, error?.kind, error?.message].filter(Boolean).join(": ");
};

console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(verdict)));
