import type { FunctionEnd, FunctionKind, RpcTypedData } from '../protocol/worker.ts';
import type { ShimSettings } from '../replay/shim-context.ts';

/** Lengths and bounds by which steps decide. */
export interface StepSettings extends ShimSettings {
  /** Operations that an entity takes in one batch. */
  readonly maxEntityOperationBatchSize: number;
  /** Whether histories show the inputs of activities and sub-orchestrations. */
  readonly storeInputsInOrchestrationHistory: boolean;
}

/** The real host's on Azure Storage. */
export const DEFAULT_STEP_SETTINGS: StepSettings = {
  maximumShortTimerMs: 6 * 24 * 3_600_000,
  longTimerIntervalMs: 3 * 24 * 3_600_000,
  maxOrchestrationActions: 100_000,
  httpPollingIntervalMs: 30_000,
  maxEntityOperationBatchSize: 5_000,
  storeInputsInOrchestrationHistory: false,
  strict: false,
};

/** What a step knows beside state, messages and time: it stays the same as long as the engine runs. */
export interface StepRules {
  readonly settings: StepSettings;
  /** Whether the app registers a function of that kind and name, in any case. */
  isRegistered(kind: FunctionKind, name: string): boolean;
}

/** What a step has to ask the app's code. */
export interface Question {
  /** The function to run. */
  readonly name: string;
  readonly trigger: RpcTypedData;
}

/** What the app's code answered, and when. */
export interface Answer {
  readonly outcome: FunctionEnd;
  readonly nowMs: number;
}

/** A line for the log, about the function of the step. */
export interface LogLine {
  readonly level: 'warning' | 'error';
  readonly text: string;
}

/**
 * A step of the engine: from state, messages and time to what is to be stored. It is pure; where it needs the app's code, it
 * yields a question and goes on with the answer, so that running the code and storing the result lie with its caller.
 */
export type Step<Result> = Generator<Question, Result, Answer>;
