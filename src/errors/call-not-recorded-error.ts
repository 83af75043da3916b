import { TuttiError } from './tutti-error.js';

/** `explain` was asked about a call of which nothing is kept. */
export class CallNotRecordedError extends TuttiError<'TUTTI_CALL_NOT_RECORDED'> {
  /** The call's id, as it was given. */
  readonly callId: string;
  /** Whether calls are recorded at all: the option `explain` is set. */
  readonly isRecording: boolean;

  constructor(callId: string, isRecording: boolean) {
    super(
      'TUTTI_CALL_NOT_RECORDED',
      isRecording
        ? `Call "${callId}" is not recorded: it is no call of this orchestrator, or not one of the latest that are kept. ` +
            'Raise explain.calls to keep more.'
        : `Call "${callId}" is not recorded, because calls are recorded only if the orchestrator is created with the ` +
            'option explain: true.',
      { details: { callId, isRecording } },
    );
    this.callId = callId;
    this.isRecording = isRecording;
  }
}
