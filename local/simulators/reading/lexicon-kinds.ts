/** What an issue is about, in the simulator's own words; an answer's enum values are mapped onto these. */
export type Kind =
  | 'bug'
  | 'crash'
  | 'data_loss'
  | 'regression'
  | 'feature'
  | 'improvement'
  | 'question'
  | 'documentation'
  | 'performance'
  | 'security'
  | 'usability'
  | 'access'
  | 'billing'
  | 'installation'
  | 'task'
  | 'feedback'
  | 'other';

/** Words that speak for a kind, with the strength of that evidence. Languages stand side by side. */
export interface KindEvidence {
  readonly kind: Kind;
  readonly weight: number;
  /** As in `Concept`. */
  readonly terms: readonly string[];
}

/** Evidence by kind. 3 = says it outright, 2 = clear, 1 = a hint, below = adds to others. */
export const KIND_EVIDENCE: readonly KindEvidence[] = [
  {
    kind: 'crash',
    weight: 3,
    terms: [
      'app closes, closes without, closes itself, closes by itself, dies, killed, se cierra sola, se ferme toute',
      'crash*, segfault*, segmentation fault, stack overflow, core dump*, kernel panic, panics, panicked',
      'abstürz*, absturz*, abgestürzt, stürzt, plante, plantage*, se cierra solo, se bloquea, trava, travou',
      'fecha sozinho, si blocca, crasha, loopt vast, zawiesza*, падает, вылет*, падає, вилітає, aborts',
      'oom killed, クラッシュ, 落ちる, 落ちます, 强制终止, 崩溃, 闪退, 충돌, 튕*',
    ],
  },
  {
    kind: 'crash',
    weight: 1,
    terms: [
      'unhandled exception, fatal error, hangs, freez*, unresponsive, white screen, out of memory',
      'outofmemoryerror',
    ],
  },
  {
    kind: 'bug',
    weight: 2,
    terms: [
      'is down, outage, unreachable, unavailable, offline, goes down, 502, 503',
      '보이지 않, 되지 않, 작동하지, 안 됩니다, 乱码, 文字化け, illisible*, not kept, 不正常, leaves out',
      "bug, bugs, broken, doesn't work, does not work, not working, don't work, stopped working, fails",
      'failing, failed, failure*, wrong, incorrect*, misbehav*, defect*, fehler*, kaputt',
      'funktioniert nicht, falsch*, erreur*, ne fonctionne pas, ne marche plus, faux, fallo*, no funciona',
      'error*, errado*, erro, erros, não funciona, errore, non funziona, sbagliat*, fout, werkt niet, błąd*',
      'błęd*, nie działa, ошибк*, не работает, помилк*, не працює, エラー, バグ, 不具合, 表示されない, できません, 错误, 失败, 无法',
      '不显示, 报错, 오류, 버그',
    ],
  },
  {
    kind: 'bug',
    weight: 1,
    terms: [
      'exception*, unexpected*, stuck, missing, duplicat*, disappear*, corrupt*, inconsistent, instead of',
      "can't, cannot, unable to, no longer, never, nothing happens, twice, expected, timeout*, times out",
      'timed out, blank, empty page, garbled, weird, statt, verschwind*, doppelt, leer, au lieu de',
      'disparai*, en vez de, desaparec*, em vez de, zamiast, вместо, замість, problem*, problème*',
      'problema*, проблем*, off by one',
    ],
  },
  {
    kind: 'data_loss',
    weight: 3,
    terms: [
      'data loss, lost data, lost all, lost my, lose data, loses data, losing data, deleted all, wiped',
      'overwritten, overwrites, datenverlust, verloren, gelöscht, perte de données, perdu*',
      'pérdida de datos, perdido*, perdí, perda de dados, perdi, utrata danych, utracon*, потер* данн*',
      'втра* дан*, zniknęł*, データが消え*, データが消え, 消えて, 数据丢失, 丢失, 데이터 손실, silently drop*, gone forever, corrupts',
    ],
  },
  {
    kind: 'regression',
    weight: 2,
    terms: [
      'regression*, since the update, since updating, since upgrading, after upgrading, after the update',
      'after updating, after the upgrade, used to work, worked before, worked in, worked fine, worked until',
      'since version, since release, seit dem update, nach dem update, depuis la mise à jour',
      'après la mise à jour, desde la actualización, tras actualizar, desde a atualização, po aktualizacji',
      'после обновления, після оновлення, アップデート後, 更新后, 升级后, 업데이트 후',
    ],
  },
  {
    kind: 'feature',
    weight: 3,
    terms: [
      'i want, we want, as an operator, as a customer, as a developer, would do, wish',
      'feature request, please add, please support, would be nice, would be great, would be useful',
      "would be helpful, would love, we'd love, i'd love, it would help, support for, add support",
      'add an option, add a way, allow us to, allow users to, ability to, wish there was, i wish, as a user',
      'as an admin*, i want to be able, so that i can, new feature, wäre schön, wäre toll, wünsche*, wunsch',
      "bitte um, wäre hilfreich, serait bien, serait utile, serait pratique, j'aimerais",
      'pourriez vous ajouter, estaría bien, sería útil, sería genial, me gustaría, podrían añadir',
      'seria bom, seria ótimo, seria útil, gostaria, sarebbe utile, sarebbe bello, zou fijn zijn',
      'zou handig zijn, graag, byłoby, prosz* o dodanie, chciałbym, было бы, добавьте, хотелось бы, було б',
      'додайте, хотілося б, 追加してほしい, 対応してほしい, 追加して, ほしい, 希望能, 希望可以, 建议, 请增加, 추가해, 지원해, 있으면 좋겠',
    ],
  },
  {
    kind: 'feature',
    weight: 1,
    terms: [
      'request, option to, suggestion, proposal, idea, enhancement, integrat* with, could you add',
      'can you add, let us, let me choose, should be able to, should support, allow, add, new, implement',
      'introduce',
    ],
  },
  {
    kind: 'improvement',
    weight: 2,
    terms: [
      'improve*, refactor*, clean up, cleanup, simplify, better, make it easier, more readable, verbessern',
      'améliorer, mejorar, melhorar, migliorare, polish, tidy up, rework',
    ],
  },
  {
    kind: 'question',
    weight: 3,
    terms: [
      'how do i, how can i, how do we, how can we, how to, how does, is it possible, is there a way',
      'is there any way, what is the, what does, what happens, can someone explain, can anyone, where can i',
      'where do i, wondering, which of, am i supposed, best practice, wie kann ich, wie kann man',
      'gibt es eine möglichkeit, ist es möglich, comment puis je, comment faire, comment peut on',
      'est il possible, est ce que, cómo puedo, es posible, hay alguna forma, como faço, como posso',
      'é possível, come posso, è possibile, hoe kan ik, is het mogelijk, jak mogę, czy można',
      'czy jest możliw*, как можно, как мне, можно ли, як можна, чи можна, どうすれば, 方法を教えて, でしょうか, 可能ですか, 如何',
      '怎么, 是否可以, 请问, 어떻게, 가능한가요',
    ],
  },
  {
    kind: 'question',
    weight: 1,
    terms: [
      'question, frage, pregunta, pytanie, вопрос, питання, clarif*, confused, not sure, anyone know',
      'supposed to',
    ],
  },
  {
    kind: 'documentation',
    weight: 3,
    terms: [
      'documentation, docs, readme, doc page, manual says, user guide, tutorial*, broken link, dead link',
      'api reference, changelog, code sample, dokumentation, anleitung, documentación, documentação',
      'documentazione, documentatie, dokumentacj*, документаци*, документаці*, ドキュメント, マニュアル, 文档, 문서',
    ],
  },
  {
    kind: 'documentation',
    weight: 1,
    terms: [
      'typo, typos, spelling, misspel*, tippfehler, faute de frappe, literówka, example in, the guide',
      'outdated, undocumented, not documented, help page',
    ],
  },
  {
    kind: 'performance',
    weight: 3,
    terms: [
      'slow, slower, slowly, slowness, slowdown, sluggish, latency, performance, memory leak, leaks memory',
      'memory grows, memory usage, high cpu, cpu usage, 100% cpu, cpu at, n 1 quer*, langsam*, speicherleck',
      'lent, lente, lenteur*, trop de temps, lento, lenta, lentitud, demora, lentidão, traag, wolno',
      'powoln*, медленн*, тормозит, повільн*, гальмує, 遅い, 重い, 時間がかかり, 很慢, 缓慢, 卡顿, 内存泄漏, 느려, 느립',
    ],
  },
  {
    kind: 'performance',
    weight: 1,
    terms: [
      'to load, to open, to start, request per, one request',
      'minutes to, seconds to, takes ages, takes forever, takes over, memory, lag, laggy, throughput, heap',
      'p95, p99, bottleneck',
    ],
  },
  {
    kind: 'security',
    weight: 4,
    terms: [
      'xss, csrf, sql injection, vulnerabilit*, cve, exploit*, security hole, security issue',
      'security problem, rce, ssrf, path traversal, privilege escalation, unauthorized access',
      'unauthenticated, plain text password*, in plain text, in clear text, sicherheitslücke*',
      'sicherheitsproblem, faille, vulnérabilité*, vulnerabilidad*, vulnerabilidade*, luka, уязвимост*',
      'вразлив*, 脆弱性, 漏洞, 취약점, without permission, bypass*, leaks tokens, leaked',
    ],
  },
  {
    kind: 'security',
    weight: 1,
    terms: [
      'role, roles, viewer, privilege*, access control, other customers, security team, shared system',
      'security, token, tokens, permission*, attacker*, secret*, encrypt*, credential*, sanitiz*, escaped',
      "injection, other users data, another user's, other customers, gdpr, pentest*",
    ],
  },
  { kind: 'security', weight: 0.5, terms: ['login, password*, session*, tls, certificate*'] },
  {
    kind: 'usability',
    weight: 1.5,
    terms: [
      'confusing, hard to find, unintuitive, misleading, accessib*, screen reader, contrast',
      'keyboard navigation, alignment, misaligned, overlap*, cosmetic, layout, unübersichtlich, peu clair',
      'confuso',
    ],
  },
  {
    kind: 'access',
    weight: 1.5,
    terms: [
      'log in, login, sign in, locked out, password reset, reset my password, invite, sso, 2fa, mfa',
      'anmelden, connexion, iniciar sesión, zalogować, войти, увійти, ログイン, 登录, 로그인',
    ],
  },
  {
    kind: 'billing',
    weight: 1,
    terms: [
      'invoice*, billing, charged, refund*, subscription*, rechnung*, facture*, factura*, fatura*, faktur*',
      'счет, рахунок, 請求, 发票, 결제',
    ],
  },
  {
    kind: 'installation',
    weight: 1.5,
    terms: [
      'install*, setup fails, installer, deploy*, docker image, helm, upgrade path, configuration',
      'environment variable*',
    ],
  },
  {
    kind: 'task',
    weight: 1.5,
    terms: [
      'upgrade dependency, bump, rotate, migrate, rename, remove deprecated, chore, set up, schedule a',
      'write tests, update dependencies, end of life',
    ],
  },
  {
    kind: 'feedback',
    weight: 1.5,
    terms: [
      'love this, great work, well done, thank you for, terrible, awful, useless, garbage, disappointed',
      'unacceptable, worst, joke, fed up, sick of, hate',
    ],
  },
];
