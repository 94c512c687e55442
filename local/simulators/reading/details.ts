import type { IssueText } from './issue-text.ts';

/** A stack trace in the issue. */
export interface Trace {
  readonly platform: 'node' | 'java' | 'python' | 'dotnet' | 'go' | 'rust' | 'native';
  /** The error's name, such as "NullPointerException"; undefined where the trace does not tell one. */
  readonly error: string | undefined;
}

/** What a report brings along. */
export interface Details {
  readonly trace: Trace | undefined;
  readonly hasSteps: boolean;
  readonly hasVersion: boolean;
  readonly hasLogs: boolean;
  readonly hasEnvironment: boolean;
  readonly hasExpectation: boolean;
  readonly hasPurpose: boolean;
  /** First version number of the text, without "v". */
  readonly version: string | undefined;
}

const TRACES: readonly (readonly [Trace['platform'], RegExp])[] = [
  ['java', /\bat [\w.$<>]+\([\w$]+\.(java|kt|scala):\d+\)/],
  ['dotnet', /\bat [\w.`<>[\]]+\(.*\) in .+:line \d+|\bSystem\.\w*Exception\b/],
  ['python', /Traceback \(most recent call last\)|^\s*File ".+", line \d+, in /m],
  ['go', /\bgoroutine \d+ \[|^panic: /m],
  ['rust', /thread '.+' panicked at/],
  ['node', /^\s*at .+[:(].+:\d+:\d+\)?/m],
  ['native', /\bSIGSEGV\b|#0\s+0x[0-9a-f]+ in /],
];
const ERROR_NAME = /\b([A-Z][A-Za-z]*(?:Exception|Error))\b/;

const STEPS =
  /^\s*(\d+[.)]|step \d+)\s+\S|steps to reproduce|to reproduce|repro steps|how to reproduce|reproducible (on|with)|script below|schritte|étapes|pasos|passos|kroki|как воспроизвести|шаги|кроки|再現手順|手順|复现步骤|步骤|재현/im;
const VERSION_WORD =
  /\b(?:versions?|ver\.?|v|release|build|версі[яїю]|верси[яию]|wersj[aię]|versión|versão|バージョン|版本|버전)[\s:]*(\d+(?:\.\d+)+)/i;
const VERSION_NUMBER = /\bv?(\d+\.\d+\.\d+)\b/;
const LOGS =
  /\b(log|logs|error message|stack ?trace|exit code|error code|status code|http [45]\d\d|[45]\d\d error)\b|エラーコード|日志|로그|лог[аи]?\b/i;
const ENVIRONMENT =
  /\b(windows|mac ?os|linux|ubuntu|debian|android|iphone|ipad|ios|chrome|firefox|safari|edge|docker|kubernetes|node(\.js)? \d+|java \d+|python \d|\.net \d|postgres\w*|openjdk|macbook|pixel|outlook|arm64|x86)\b/i;
const EXPECTATION =
  /\b(expect\w*|should|supposed|instead|sollte|statt|erwart\w*|devrait|au lieu|debería|en vez|deveria|em vez|powin\w*|zamiast|dovrebbe|zou moeten)\b|долж|повин|замість|вместо|はず|期待|应该|预期|해야|예상/i;
const PURPOSE =
  /\b(because|so that|so we|so i|use case|in order to|every week|each week|currently|right now|today we|that way|damit|weil|derzeit|aktuell|pour que|parce|afin|actuellement|porque|para que|actualmente|para evitar|atualmente|ponieważ|żeby|obecnie)\b|чтобы|потому|зараз|сейчас|щоб|бо |ため|ので|现在|因为|目前|왜냐하면|때문/i;

/** Looks for what a person who triages would look for. */
export function findDetails(issue: IssueText): Details {
  const prose = [issue.title, ...issue.sentences, ...issue.comments].join('\n');
  const code = issue.codeLines.join('\n');
  const all = `${prose}\n${code}`;
  const version = VERSION_WORD.exec(prose)?.[1] ?? VERSION_NUMBER.exec(prose)?.[1];
  const found = TRACES.find(([, pattern]) => pattern.test(all));
  return {
    trace: found && { platform: found[0], error: (ERROR_NAME.exec(code) ?? ERROR_NAME.exec(prose))?.[1] },
    hasSteps: STEPS.test(prose) || STEPS.test(issue.sentences.join('\n')),
    hasVersion: version !== undefined || /\b(version|v)\s?\d+\b/i.test(prose),
    hasLogs: found !== undefined || issue.codeLines.length > 1 || LOGS.test(prose),
    hasEnvironment: ENVIRONMENT.test(all) || found !== undefined,
    hasExpectation: EXPECTATION.test(prose),
    hasPurpose: PURPOSE.test(prose),
    version,
  };
}
