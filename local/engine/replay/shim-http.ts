import type { HttpAction } from '../protocol/actions.ts';
import { type DurableHttpResponse, HTTP_ACTIVITY, headerOf, pollRequest } from '../protocol/http-call.ts';
import type { Routine } from './host-task.ts';
import { decide, type ShimContext } from './shim-context.ts';
import { noteDivergence } from './shim-divergence.ts';

/**
 * An HTTP call: an activity of the host's own, and while the answer is 202, a timer and the same activity again for the
 * answer's `Location`.
 */
export function* runHttpCall(context: ShimContext, action: HttpAction): Routine {
  let request = action.httpRequest;
  for (;;) {
    const settlement = yield decide(context, action, { kind: 'activity', name: HTTP_ACTIVITY, input: request });
    if (settlement === 'failed') return 'failed';
    const response = JSON.parse(context.settledResultJson ?? 'null') as DurableHttpResponse | null;
    if (response?.statusCode !== 202 || !request.asynchronousPatternEnabled) return 'succeeded';
    const next = pollRequest(request, response);
    if (!next) {
      noteDivergence(
        context,
        'http-without-location',
        `the HTTP call of ${request.uri} was answered by 202 without an absolute Location: the host waits all the same, and numbers ` +
          'what follows differently; set enablePolling to false, or let the service name the place to ask',
      );
    }
    const waitS = Number(headerOf(response, 'Retry-After'));
    const { httpPollingIntervalMs, maximumShortTimerMs } = context.environment.settings;
    // However long the server asks for, it does not get beyond the longest plain timer.
    const delayMs = waitS > 0 ? Math.min(waitS * 1_000, maximumShortTimerMs) : httpPollingIntervalMs;
    yield decide(context, action, { kind: 'timer', fireAtMs: context.nowMs + delayMs });
    if (!next) return 'failed';
    request = next;
  }
}
