import * as df from 'durable-functions';
import { countWords, splitText, writeSummary } from './activities.js';

/** A chain of three steps, of which the middle one fans out: its calls run side by side, one for each paragraph. */
df.app.orchestration('report', function* (context) {
  /** @type {{ text: string }} */
  const { text } = context.df.getInput();

  /** @type {string[]} */
  const paragraphs = yield splitText({ text });
  context.df.setCustomStatus({ paragraphs: paragraphs.length });

  // A call begins when its task is yielded. Task.all yields them together, and answers in the order of the calls.
  /** @type {number[]} */
  const counts = yield context.df.Task.all(paragraphs.map(paragraph => countWords({ paragraph })));

  return { counts, summary: yield writeSummary({ counts }) };
});

df.app.client.http('startReport', {
  route: 'reports',
  methods: ['POST'],
  authLevel: 'anonymous',
  handler: async (request, client) => {
    const text = await request.text();
    if (text.trim() === '')
      return { status: 400, jsonBody: { error: 'The body is empty; it is the text to report on' } };
    const instanceId = await client.startNew('report', { input: { text } });
    return client.createCheckStatusResponse(request, instanceId);
  },
});
