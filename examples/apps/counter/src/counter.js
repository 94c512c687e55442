import * as df from 'durable-functions';

/**
 * A number with a name. Operations run one at a time for each counter, so that no two of them can meet.
 *
 * - `add` takes a number, and answers the new value
 * - `reset` deletes the counter
 */
df.app.entity('counter', (/** @type {df.EntityContext<number>} */ context) => {
  switch (context.df.operationName) {
    case 'add': {
      const value = (context.df.getState() ?? 0) + (context.df.getInput() ?? 0);
      context.df.setState(value);
      context.df.return(value);
      break;
    }
    case 'reset':
      context.df.destructOnExit();
      break;
  }
});

/**
 * @param {string} name
 * @returns the id by which clients and orchestrations reach the counter of that name
 */
export const counterId = name => new df.EntityId('counter', name);
