import * as df from 'durable-functions';

/** Reminds of approvals that wait, on the schedule of the setting REMINDER_SCHEDULE: see local.settings.json. */
df.app.client.timer('reminder', {
  schedule: '%REMINDER_SCHEDULE%',
  handler: async (_timer, client, context) => {
    const running = await client.getStatusBy({ runtimeStatus: [df.OrchestrationRuntimeStatus.Running] });
    for (const { name, instanceId, customStatus } of running) {
      if (name !== 'approval' || !customStatus) continue;
      const { subject, waitsFor } = /** @type {{ subject: string, waitsFor: string }} */ (customStatus);
      context.log(`"${subject}" waits for the ${waitsFor}: ${instanceId}`);
    }
  },
});
