/** Whether a binding of this type makes its function run. */
export const isTrigger = (type: string): boolean => /trigger$/i.test(type);

/** Whether a binding of this type is the durable client, under its name of today or of old. */
export const isDurableClient = (type: string): boolean => /^(durable|orchestration)Client$/i.test(type);
