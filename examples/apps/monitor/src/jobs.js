import { app } from '@azure/functions';

// A job of another system, simulated: the instant at which it will be done is part of its address, so nothing is kept.

/**
 * @param {string} origin URL of the app
 * @param {number} lengthMs how long the job takes
 * @returns where its status can be read
 */
export const newJobUrl = (origin, lengthMs) => new URL(`/api/jobs/${Date.now() + lengthMs}`, origin).href;

app.http('jobStatus', {
  route: 'jobs/{doneAtMs:long}',
  methods: ['GET'],
  authLevel: 'anonymous',
  handler: request => ({ jsonBody: { isDone: Date.now() >= Number(request.params.doneAtMs) } }),
});
