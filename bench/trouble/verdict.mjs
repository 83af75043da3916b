// What tutti's figures are measured by, in each row. A list of what is missed; empty where everything holds.
const TIME_FACTOR = 1.2;
const TIME_ALLOWANCE_S = 0.5;
const REQUESTS_PER_CALL = 1.3;

/** Against the others of the same row, a report by client. */
export function missedOf(row, { tutti, ...others }) {
  if (tutti === undefined) return [];
  if (row.models.every((model) => row.deadModels.includes(model)))
    return missedOfDead(tutti, others['p-retry']);
  const missed = [];
  const best = Math.max(...Object.values(others).map(({ answered }) => answered), 0);
  if (tutti.answered < best) missed.push(`answered ${tutti.answered} < ${best}`);
  const fastest = Math.min(
    ...Object.values(others)
      .filter(({ answered, isCapped }) => answered >= Math.max(best, tutti.answered) && !isCapped)
      .map(({ timeMs }) => timeMs / 1_000),
  );
  const barS = TIME_FACTOR * fastest + TIME_ALLOWANCE_S;
  if (tutti.isCapped || tutti.timeMs / 1_000 > barS) missed.push(`time > ${barS.toFixed(1)} s`);
  const mostRequests = Math.floor(REQUESTS_PER_CALL * row.calls + tutti.server.asked);
  if (tutti.requests > mostRequests) missed.push(`requests > ${mostRequests}`);
  return missed;
}

/** Every call fails with an error of its own, about as soon as by hand, with a fifth of the requests. */
function missedOfDead(tutti, byHand) {
  const missed = [];
  if (tutti.untyped > 0 || tutti.isCapped) missed.push('not every call failed with a typed error');
  if (byHand === undefined) return missed;
  const barS = byHand.timeMs / 1_000 + 1;
  if (tutti.timeMs / 1_000 > barS) missed.push(`time > ${barS.toFixed(1)} s`);
  const mostRequests = Math.floor(0.2 * byHand.requests);
  if (tutti.requests > mostRequests) missed.push(`requests > ${mostRequests}`);
  return missed;
}

const LEAST_USED = 0.9;
const MOST_REJECTED = 0.03;

/** Against a limit: the share of what it allowed that was used, and of the requests that it rejected. */
export function limitFigures({ answered, server }) {
  return {
    used: server.accepted / server.allowed,
    rejected: server.rejected / Math.max(1, server.arrived),
    answered,
  };
}

export function missedOfLimit(report) {
  const { used, rejected } = limitFigures(report);
  const missed = [];
  if (used < LEAST_USED) missed.push(`used < ${100 * LEAST_USED} %`);
  if (rejected > MOST_REJECTED) missed.push(`429s > ${100 * MOST_REJECTED} %`);
  return missed;
}
