import * as df from 'durable-functions';
import { counterId } from './counter.js';

/** Adds amounts to a counter, one after the other, and waits for each answer. */
df.app.orchestration('addUp', function* (context) {
  /** @type {{ name: string, amounts: number[] }} */
  const { name, amounts } = context.df.getInput();
  const values = [];
  for (const amount of amounts) {
    values.push(yield context.df.callEntity(counterId(name), 'add', amount));
  }
  return values;
});
