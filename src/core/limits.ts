/** JSON bodies and JSON files, in bytes. */
export const MAX_JSON_BYTES = 10_000_000;
/** CSV and NDJSON files, in bytes; below the 100 MB that a Functions host takes. */
export const MAX_FILE_BYTES = 90_000_000;
