import { clearScreenDown, moveCursor } from 'node:readline';
import { cut, oneLine, widthOf } from './style.mjs';

const REDRAW_MS = 100;
const BAR_COLUMNS = 24;
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';

/** Progress on a terminal: two lines that update themselves. In a pipe: a plain line at each quarter. */
export function startProgress(options) {
  const { stream } = options;
  const isLive = stream.isTTY === true && process.env.TERM !== 'dumb';
  return isLive ? startLive(options) : startPlain(options);
}

function startLive({ stream, paint, ...run }) {
  let drawn = [];
  let latest = '';
  const restore = () => stream.write(SHOW_CURSOR);
  const erase = () => {
    // A line that was drawn before the terminal became narrower takes several rows now.
    const columns = stream.columns ?? 80;
    const rows = drawn.reduce((sum, line) => sum + Math.ceil(widthOf(line) / columns), 0);
    if (rows > 0) moveCursor(stream, -columns, -rows);
    clearScreenDown(stream);
    drawn = [];
  };
  const draw = () => {
    const columns = (stream.columns ?? 80) - 1;
    erase();
    drawn = [
      `${bar(run, paint)} ${cut(howFar(run), columns - BAR_COLUMNS - 1)}`,
      paint('dim', cut(`${howItGoes(run)}  ${latest}`, columns)),
    ];
    stream.write(`${drawn.join('\n')}\n`);
  };
  stream.write(HIDE_CURSOR);
  process.once('exit', restore);
  draw();
  const timer = setInterval(draw, REDRAW_MS);
  return {
    update: (result) => {
      latest = oneLine(`${result.agent} ${result.metadata?.path ?? ''}`);
    },
    stop: () => {
      clearInterval(timer);
      erase();
      restore();
      process.removeListener('exit', restore);
    },
  };
}

function startPlain({ stream, ...run }) {
  let quarter = 0;
  return {
    update: () => {
      const now = Math.floor((4 * run.tally.done) / Math.max(1, run.plan.total));
      if (now <= quarter) return;
      quarter = now;
      stream.write(`${howFar(run)}  ${howItGoes(run)}\n`);
    },
    stop: () => {},
  };
}

/** For instance `120/480  25 %  1.2 s`. */
function howFar({ tally, plan, startedAt }) {
  const percent = plan.total === 0 ? 100 : Math.floor((100 * tally.done) / plan.total);
  const seconds = (performance.now() - startedAt) / 1000;
  return `${tally.done}/${plan.total}  ${percent} %  ${seconds.toFixed(1)} s`;
}

/** For instance `running 8  failed 0  timed out 1  retried 4`. */
function howItGoes({ tally, orchestrator }) {
  const { running } = orchestrator.stats();
  return `running ${running}  failed ${tally.failed}  timed out ${tally.timedOut}  retried ${tally.retried}`;
}

function bar({ tally, plan }, paint) {
  const share = plan.total === 0 ? 0 : Math.min(1, tally.done / plan.total);
  const full = Math.round(BAR_COLUMNS * share);
  return paint('green', '█'.repeat(full)) + paint('dim', '░'.repeat(BAR_COLUMNS - full));
}
