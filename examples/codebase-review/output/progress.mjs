import { clearScreenDown, moveCursor } from 'node:readline';
import { cut, oneLine } from './style.mjs';

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

function startLive({ stream, paint, tally, plan, startedAt }) {
  let drawn = 0;
  let path = '';
  const restore = () => stream.write(SHOW_CURSOR);
  const erase = () => {
    if (drawn > 0) moveCursor(stream, -(stream.columns ?? 80), -drawn);
    clearScreenDown(stream);
    drawn = 0;
  };
  const draw = () => {
    const columns = (stream.columns ?? 80) - 1;
    const { done, total } = { done: tally.done, total: plan.total };
    const counts = cut(countsLine(tally, plan, startedAt), columns - BAR_COLUMNS - 1);
    erase();
    stream.write(`${bar(done, total, paint)} ${counts}\n${paint('dim', cut(path, columns))}\n`);
    drawn = 2;
  };
  stream.write(HIDE_CURSOR);
  process.once('exit', restore);
  draw();
  const timer = setInterval(draw, REDRAW_MS);
  return {
    update: (result) => {
      path = `${result.agent}  ${oneLine(result.metadata?.path ?? '')}`;
    },
    stop: () => {
      clearInterval(timer);
      erase();
      restore();
      process.removeListener('exit', restore);
    },
  };
}

function startPlain({ stream, tally, plan, startedAt }) {
  let quarter = 0;
  return {
    update: () => {
      const now = Math.floor((4 * tally.done) / Math.max(1, plan.total));
      if (now <= quarter) return;
      quarter = now;
      stream.write(`${countsLine(tally, plan, startedAt)}\n`);
    },
    stop: () => {},
  };
}

/** For instance `120/480  25 %  running 8  failed 0  timed out 1  retried 4  1.2 s`. */
export function countsLine(tally, plan, startedAt) {
  const share = plan.total === 0 ? 100 : Math.floor((100 * tally.done) / plan.total);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const { done, running, failed, timedOut, retried } = tally;
  const counts = `running ${running}  failed ${failed}  timed out ${timedOut}  retried ${retried}`;
  return `${done}/${plan.total}  ${share} %  ${counts}  ${seconds} s`;
}

function bar(done, total, paint) {
  const full = total === 0 ? 0 : Math.round((BAR_COLUMNS * Math.min(done, total)) / total);
  return paint('green', '█'.repeat(full)) + paint('dim', '░'.repeat(BAR_COLUMNS - full));
}
