import * as df from 'durable-functions';

// Activities take an object, not a bare text: a text that looks like JSON, such as "42", would arrive as a number.

/** Splits a text at its blank lines. */
export const splitText = df.app.activity('splitText', {
  /** @param {{ text: string }} input */
  handler: ({ text }) =>
    text
      .split(/\n\s*\n/)
      .map(paragraph => paragraph.trim())
      .filter(paragraph => paragraph !== ''),
});

/** Counts the words of one paragraph. */
export const countWords = df.app.activity('countWords', {
  /** @param {{ paragraph: string }} input */
  handler: ({ paragraph }) => paragraph.split(/\s+/).length,
});

/** Puts the counts into one sentence. */
export const writeSummary = df.app.activity('writeSummary', {
  /** @param {{ counts: number[] }} input */
  handler: ({ counts }) => {
    const total = counts.reduce((sum, count) => sum + count, 0);
    return `${total} words in ${counts.length} paragraphs, the longest of ${Math.max(...counts)}`;
  },
});
