import type { Asked } from './meanings.ts';
import type { Kind } from './reading/lexicon-kinds.ts';
import type { IssueReading } from './reading/reading.ts';
import { bestSentence, shortened } from './reading/summary.ts';

const MAX_TITLE_CHARACTERS = 80;
const LANGUAGE_NAMES = new Intl.DisplayNames(['en'], { type: 'language' });

const KIND_SENTENCES: Readonly<Record<Kind, string>> = {
  crash: 'The product crashes.',
  data_loss: 'Data is lost or damaged.',
  regression: 'Something that worked before is broken.',
  bug: 'Something does not work as it should.',
  performance: 'The product is too slow or uses too much.',
  security: 'The protection of data or access is at stake.',
  access: 'Someone cannot get in.',
  billing: 'It concerns what customers pay.',
  installation: 'It concerns setting the product up.',
  usability: 'The product is harder to use than it needs to be.',
  feature: 'A wish for something new; nothing is broken.',
  improvement: 'A wish for something better; nothing is broken.',
  question: 'A question; nothing is reported as broken.',
  documentation: 'It concerns the documentation, not the product itself.',
  task: 'Planned work; nothing is reported as broken.',
  feedback: 'An opinion without a fault that can be acted on.',
  other: 'The text does not say what is wrong or wanted.',
};

const ACTIONS: Readonly<Record<Kind, string>> = {
  crash: 'Reproduce the crash and look at the stack trace.',
  data_loss: 'Stop the loss first, then find out what can be restored.',
  regression: 'Compare with the last version that worked.',
  bug: 'Reproduce it and assign it to the component.',
  performance: 'Measure it with a profile before changing anything.',
  security: 'Hand it to the security team and keep details private.',
  access: "Check the account and the sign-in provider's settings.",
  billing: 'Check the account and correct what was charged.',
  installation: 'Ask for the installation log and the settings.',
  usability: 'Let design have a look.',
  feature: 'Weigh it against the roadmap.',
  improvement: 'Put it on the backlog.',
  question: 'Answer it, and add the answer to the documentation.',
  documentation: 'Correct the page.',
  task: 'Plan it.',
  feedback: 'Thank the reporter and ask for a concrete case.',
  other: 'Ask the reporter for details.',
};

/** A string for a property; undefined where the issue gives nothing for it (a nullable property becomes null). */
export function phraseFor(asked: Asked, reading: IssueReading): string | undefined {
  const { details, text } = reading;
  switch (asked.meaning) {
    case 'language':
      return reading.language;
    case 'reason':
    case 'impact':
      return asked.subject === 'kind' ? kindReason(reading) : urgencyReason(reading);
    case 'component':
      return reading.component;
    case 'version':
      return details.version;
    case 'environment':
      return reading.labels.find(label =>
        /windows|macos|linux|android|ios|safari|firefox|chrome|docker|kubernetes|node|java|python|dotnet|go/.test(
          label,
        ),
      );
    case 'error':
      return details.trace?.error;
    case 'title':
      return text.title === ''
        ? shortened(reading.summary, MAX_TITLE_CHARACTERS)
        : shortened(text.title, MAX_TITLE_CHARACTERS);
    case 'missing':
      return reading.missing[0];
    case 'labels':
      return reading.labels[0];
    case 'action':
      return ACTIONS[reading.kind];
    case 'cause':
      return details.trace?.error && `Probably the ${details.trace.error} in the trace.`;
    case 'quote':
      return shortened(bestSentence(text, '') || text.title, 160) || undefined;
    case 'reply':
      return replyTo(reading);
    case 'kind':
      return reading.kind.replace('_', ' ');
    case 'urgency':
      return ['trivial', 'low', 'medium', 'high', 'critical'][Math.round(reading.urgency)];
    case 'effort':
      return `About ${1 + Math.min(4, text.sentences.length)} days.`;
    case 'steps':
      return reading.details.hasSteps ? shortened(bestSentence(text, ''), 160) : undefined;
    default:
      return summaryOf(reading);
  }
}

/** The summary keeps the issue's own words; English readers are told what language they are. */
function summaryOf({ language, summary }: IssueReading): string {
  return language === 'en' ? summary : `Reported in ${LANGUAGE_NAMES.of(language)}: ${summary}`;
}

/** The items of a list of strings. */
export function phrasesFor(asked: Asked, reading: IssueReading): readonly string[] {
  switch (asked.meaning) {
    case 'labels':
      return reading.labels;
    case 'missing':
      return reading.missing;
    case 'component':
      return reading.areas.slice(0, 3);
    case 'steps':
      return reading.text.sentences
        .filter(sentence => /^\s*\d+[.)]\s/.test(sentence))
        .map(step => step.replace(/^\s*\d+[.)]\s*/, ''));
    case 'environment':
      return reading.labels.slice(0, 2);
    default: {
      const phrase = phraseFor(asked, reading);
      return phrase === undefined ? [] : [phrase];
    }
  }
}

/** Why the issue has its urgency: the strongest reasons with the words that say so. */
export function urgencyReason({ kind, urgencyReasons, text }: IssueReading): string {
  if (text.title === '' && text.sentences.length === 0) return KIND_SENTENCES.other;
  const [first, second] = urgencyReasons.map(({ label, phrase }) => `${label} ("${phrase}")`);
  if (first === undefined) return KIND_SENTENCES[kind];
  const report = `The report says that ${first}${second ? ` and that ${second}` : ''}.`;
  // A grave reason needs no introduction.
  return (urgencyReasons[0]?.effect ?? 0) >= 1 ? report : `${KIND_SENTENCES[kind]} ${report}`;
}

function kindReason({ kind, details }: IssueReading): string {
  const trace = details.trace
    ? ` It comes with a stack trace${details.trace.error ? ` (${details.trace.error})` : ''}.`
    : '';
  return `${KIND_SENTENCES[kind]}${trace}`;
}

function replyTo({ missing }: IssueReading): string {
  return missing.length === 0
    ? 'Thank you for the report; we are looking into it.'
    : `Thank you for the report. Could you tell us more: ${missing.join(', ')}?`;
}
