/** Something that makes an issue more or less urgent. */
export interface UrgencyEvidence {
  /** What it is, as a reason gives it ("data loss"). */
  readonly label: string;
  /** Change of the level; levels go from 0 (trivial) to 4 (critical). */
  readonly effect: number;
  /** As in `Concept`. */
  readonly terms: readonly string[];
}

/** Evidence of urgency, strongest first: reasons name it in this order. */
export const URGENCY_EVIDENCE: readonly UrgencyEvidence[] = [
  {
    label: 'production is down',
    effect: 2,
    terms: [
      'production is down, production down, prod is down, system down, site is down, is down, outage',
      'complete outage, ausfall, steht still, en panne, caído, caída, fora do ar, nie działa produkcj*',
      'не работает прод*, サービス停止, 宕机, 服务不可用, 서비스 중단, offline for all',
    ],
  },
  {
    label: 'data is lost or damaged',
    effect: 1.5,
    terms: [
      'data loss, lost data, lost all, lost my, loses data, lose data, losing data, deleted all, wiped',
      'overwritten, overwrites, corrupts, corrupted, gone forever, datenverlust, verloren, perte de données',
      'perdu*, pérdida de datos, perdido*, perdí, perda de dados, perdi, utrata danych, utracon*, zniknęł*',
      'потер* данн*, втра* дан*, 消えて, データが消え, 丢失, 데이터 손실, silently drop*',
    ],
  },
  {
    label: 'there is a security hole',
    effect: 1.5,
    terms: [
      'xss, sql injection, vulnerabilit*, exploit*, rce, ssrf, path traversal, privilege escalation',
      'sicherheitslücke*, faille, vulnerabilidad*, уязвимост*, вразлив*, 脆弱性, 漏洞',
      "bypass*, another user's, other customers, unauthenticated",
    ],
  },
  {
    label: 'everyone is affected',
    effect: 1,
    terms: [
      'all users, every user, everyone, everybody, all customers, all our customers, all of our',
      'every customer, the whole team, the entire, company wide, alle benutzer, alle nutzer, alle kunden',
      'tous les utilisateurs, tous nos, todos los usuarios, todos os usuários, todos nuestros, wszyscy',
      'wszystkich, все пользователи, всех, усі користувачі, всіх, 全ユーザー, 全員, 所有用户, 모든 사용자',
    ],
  },
  {
    label: 'work is blocked',
    effect: 1,
    terms: [
      "blocker, blocking, blocked, blocks us, blocks our, blocks the, show stopper, showstopper, can't work",
      'cannot work, no workaround, unusable, blockiert, unbrauchbar, bloquant*, inutilisable, bloqueante',
      'bloqueado*, bloqueia, inutilizable, blokuje, блокир*, блоку*, 使えない, 業務が止ま, 无法使用, 사용할 수 없',
    ],
  },
  {
    label: 'money is involved',
    effect: 0.8,
    terms: [
      'charged twice, double charge*, charged two, wrong amount, lose money, losing money, revenue',
      'checkout fails, payments fail, doppelt abgebucht, prélev* deux fois, cobro doble, cobrado dos veces',
      'cobrado duas vezes, 二重請求, 重复扣款',
    ],
  },
  {
    label: 'it is urgent',
    effect: 0.7,
    terms: [
      'urgent*, asap, immediately, critical, emergency, severe, dringend, sofort, kritisch, urgence',
      'urgente*, pilne, срочно, терміново, 至急, 緊急, 紧急, 긴급',
    ],
  },
  {
    label: 'many are affected',
    effect: 0.5,
    terms: [
      'many users, many customers, several customers, multiple customers, several users, our customers',
      'viele kunden, mehrere kunden, plusieurs clients, varios clientes, vários clientes, wielu klientów',
      'многие, багато, 複数のユーザー, 很多用户',
    ],
  },
  {
    label: 'it broke with an update',
    effect: 0.4,
    terms: [
      'since the update, after the update, since updating, after updating, since upgrading, after upgrading',
      'after the upgrade, regression*, used to work, worked before, worked fine, seit dem update',
      'nach dem update, depuis la mise à jour, desde la actualización, desde a atualização, po aktualizacji',
      'после обновления, після оновлення, アップデート後, 更新后, 升级后',
    ],
  },
  {
    label: 'it happens every time',
    effect: 0.3,
    terms: [
      'every time, always, reproducible, 100%, consistently, immer, jedes mal, toujours, à chaque fois',
      'siempre, cada vez, sempre, zawsze, za każdym razem, всегда, завжди, 毎回, 必ず, 每次, 항상',
    ],
  },
  {
    label: 'there is a workaround',
    effect: -0.4,
    terms: [
      'workaround is, workaround:, as a workaround, our workaround, work around it, a workaround, our workaround, umgehung, contournement',
      'solución temporal, obejście, обходной путь, 回避策',
    ],
  },
  {
    label: 'it is rare',
    effect: -0.4,
    terms: [
      'rarely, once in, sometimes, occasionally, once in a while, intermittent*, manchmal, selten, parfois, a veces',
      'às vezes, czasami, иногда, іноді, たまに, 偶尔, 가끔',
    ],
  },
  {
    label: 'it is minor',
    effect: -1,
    terms: [
      'minor, low priority, no hurry, not urgent, not a blocker, not critical, nitpick, nit, small thing',
      'tiny, trivial, nice to have, no rush, not important, kleinigkeit, nicht dringend, pas urgent',
      'no es urgente, não é urgente, sin prisa, drobn*, не срочно, не терміново, 急ぎではありません, 急ぎません, 不紧急',
      '급하지 않',
    ],
  },
  {
    label: 'it is cosmetic',
    effect: -1,
    terms: [
      'cosmetic, typo, typos, spelling, misaligned, pixels, wording, tippfehler, faute de frappe, literówka',
      'misspel*, off center',
    ],
  },
];
