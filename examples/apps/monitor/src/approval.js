import * as df from 'durable-functions';

/** Who is asked, in this order. */
const APPROVERS = ['team', 'manager'];

/**
 * Each has an event of its own: an answer that comes too late is not taken for that of the next one.
 *
 * @param {string} approver
 */
const answerOf = approver => `${approver}Answer`;

/** Asks for an approval. Who does not answer in time is passed over; when nobody answers, it counts as refused. */
df.app.orchestration('approval', function* (context) {
  /** @type {{ subject: string, waitMs: number }} */
  const { subject, waitMs } = context.df.getInput();
  for (const approver of APPROVERS) {
    context.df.setCustomStatus({ subject, waitsFor: approver });
    const answer = context.df.waitForExternalEvent(answerOf(approver));
    const timeout = context.df.createTimer(new Date(context.df.currentUtcDateTime.getTime() + waitMs));

    const first = yield context.df.Task.any([answer, timeout]);
    if (first === answer) {
      // A timer that is left running keeps the orchestration from ending until it fires.
      timeout.cancel();
      const { isApproved } = /** @type {{ isApproved: boolean }} */ (answer.result);
      return { isApproved, by: approver };
    }
  }
  return { isApproved: false, by: null };
});

df.app.client.http('startApproval', {
  route: 'approvals',
  methods: ['POST'],
  authLevel: 'anonymous',
  handler: async (request, client) => {
    const subject = request.query.get('subject');
    const waitSeconds = Number(request.query.get('wait'));
    if (!subject || !(waitSeconds > 0)) {
      return {
        status: 400,
        jsonBody: { error: 'The query has subject and wait, in seconds: ?subject=Release+5&wait=60' },
      };
    }
    const instanceId = await client.startNew('approval', { input: { subject, waitMs: waitSeconds * 1000 } });
    return client.createCheckStatusResponse(request, instanceId);
  },
});

df.app.client.http('answerApproval', {
  route: 'approvals/{id}/{approver}/{answer}',
  methods: ['POST'],
  authLevel: 'anonymous',
  handler: async (request, client) => {
    const { id, approver, answer } = request.params;
    if (!APPROVERS.includes(approver) || !['yes', 'no'].includes(answer)) return { status: 404 };
    try {
      await client.raiseEvent(id, answerOf(approver), { isApproved: answer === 'yes' });
    } catch (error) {
      return { status: 404, jsonBody: { error: String(error) } };
    }
    return { status: 202 };
  },
});
