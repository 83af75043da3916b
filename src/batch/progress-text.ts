import type { RunProgress, RunWaiting } from '../contracts/call.js';

/** What a progress bar shows. */
export interface ProgressState extends Omit<RunProgress, 'result' | 'total'> {
  readonly total: number | undefined;
  /** What the tasks have cost, as far as it is known, in US dollars. */
  readonly costUsd: number;
  readonly elapsedMs: number;
}

const BAR_CHARS = 20;

/** The state of a run in one line, the most important first, because the end may be cut off. */
export function progressText(state: ProgressState, hasBar: boolean): string {
  const { done, failed, cancelled, cached, costUsd, waiting } = state;
  const parts = [
    countText(state),
    failed > 0 ? `${number(failed)} failed` : '',
    cancelled > 0 ? `${number(cancelled)} cancelled` : '',
    cached > 0 ? `${number(cached)} cached` : '',
    rateText(state),
    costUsd > 0 ? `$${costUsd.toFixed(costUsd < 1 ? 4 : 2)}` : '',
    waiting === undefined ? '' : waitText(waiting),
  ];
  const line = parts.filter((part) => part !== '').join(' · ');
  const { total } = state;
  return hasBar && total !== undefined ? `${bar(Math.min(1, done / total))} ${line}` : line;
}

function countText({ done, total }: ProgressState): string {
  if (total === undefined) return `${number(done)} done`;
  return `${Math.floor((done / total) * 100)} % · ${number(done)} of ${number(total)}`;
}

function rateText({ done, total, elapsedMs }: ProgressState): string {
  if (elapsedMs <= 0) return '';
  const perSecond = (done * 1_000) / elapsedMs;
  const rate = `${perSecond < 10 ? perSecond.toFixed(1) : number(Math.round(perSecond))}/s`;
  if (total === undefined || done >= total) return rate;
  return `${rate} · ${durationText((total - done) / perSecond)} left`;
}

function durationText(seconds: number): string {
  if (seconds < 100) return `${Math.ceil(seconds)} s`;
  if (seconds < 6_000) return `${Math.ceil(seconds / 60)} min`;
  return `${Math.ceil(seconds / 3_600)} h`;
}

function waitText({ count, reason, untilMs }: RunWaiting): string {
  const until = untilMs === undefined ? '' : ` until ${new Date(untilMs).toTimeString().slice(0, 8)}`;
  return `${number(count)} waiting: ${reason}${until}`;
}

function bar(ratio: number): string {
  const filled = Math.round(ratio * BAR_CHARS);
  return `[${'#'.repeat(filled)}${'-'.repeat(BAR_CHARS - filled)}]`;
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}
