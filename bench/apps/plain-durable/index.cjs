// What samples of Durable Functions show: one orchestrator, one `Task.all` over all issues, the SDK's client in an activity.
const { readFileSync } = require('node:fs');
const { app } = require('@azure/functions');
const df = require('durable-functions');
const { default: OpenAI } = require('openai');

const { deployment, instructions, maxCompletionTokens, responseFormat } = JSON.parse(
  readFileSync(process.env['QUESTION_FILE'] ?? '', 'utf8'),
);
const client = new OpenAI({ baseURL: process.env['SERVICE_URL'], apiKey: 'simulator' });

df.app.activity('analyze', {
  async handler(/** @type {string} */ text) {
    const completion = await client.chat.completions.create({
      model: deployment,
      messages: [
        { role: 'system', content: instructions },
        { role: 'user', content: text },
      ],
      max_completion_tokens: maxCompletionTokens,
      response_format: responseFormat,
    });
    return { answer: JSON.parse(completion.choices[0].message.content), tokens: completion.usage.total_tokens };
  },
});

df.app.orchestration('analyzeAll', function* ({ df: durable }) {
  const retry = new df.RetryOptions(5_000, 3);
  retry.backoffCoefficient = 2;
  return yield durable.Task.all(durable.getInput().map(text => durable.callActivityWithRetry('analyze', retry, text)));
});

app.http('start', {
  methods: ['POST'],
  authLevel: 'anonymous',
  extraInputs: [df.input.durableClient()],
  async handler(request, context) {
    const client = df.getClient(context);
    const instanceId = await client.startNew('analyzeAll', { input: await request.json() });
    return { status: 202, jsonBody: { instanceId } };
  },
});
