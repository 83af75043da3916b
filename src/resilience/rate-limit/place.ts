import type { RateLimitReport } from '../rate-limit-headers.js';
import { wholeCost } from './rate-request.js';
import type { RateReservation } from './reservation.js';
import type { Booking, TokenCost } from './usage.js';

/** Who gives places, as a place sees it. */
export interface PlaceGiver {
  /** The request is sent now. */
  sent(booking: Booking): void;
  /** The request has left the process. */
  left(booking: Booking): void;
  /** It is over; `used` is left out where nothing arrived. */
  ended(booking: Booking, used: TokenCost | undefined): void;
  /** The provider told how its limits stand. */
  learned(booking: Booking, report: RateLimitReport): void;
}

/** A request's place, as whoever was admitted holds it. */
export class Place implements RateReservation {
  readonly #giver: PlaceGiver;
  readonly #booking: Booking;
  #isOpen = true;

  constructor(giver: PlaceGiver, booking: Booking) {
    this.#giver = giver;
    this.#booking = booking;
  }

  sent(): void {
    this.#giver.sent(this.#booking);
  }

  left(): void {
    this.#giver.left(this.#booking);
  }

  settle(used: TokenCost): void {
    this.#end(wholeCost(used));
  }

  release(): void {
    this.#end(undefined);
  }

  learn(report: RateLimitReport): void {
    this.#giver.learned(this.#booking, report);
  }

  #end(used: TokenCost | undefined): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#giver.ended(this.#booking, used);
  }
}
