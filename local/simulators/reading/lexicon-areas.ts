import type { Concept } from './terms.ts';

/** Parts that software commonly has; the id is what a component is called when the issue does not name one itself. */
export const AREAS: readonly Concept[] = [
  {
    id: 'authentication',
    terms: [
      'login, log in, logged out, sign in, signin, sso, saml, oauth, oidc, 2fa, mfa, password*, passkey*',
      'session*, token, tokens, anmeld*, connexion, mot de passe, iniciar sesión, contraseña, senha',
      'logowani*, hasł*, парол*, вход*, увійти, ログイン, パスワード, 登录, 密码, 로그인',
    ],
  },
  {
    id: 'permissions',
    terms: [
      'permission*, role, roles, access control, admin rights, read only access, berechtigung*, droits',
      'permisos, permissões, uprawnieni*, 権限, 权限, 권한',
    ],
  },
  {
    id: 'export',
    terms: ['export*, csv, xlsx, excel, download as, eksport*, экспорт*, експорт*, エクスポート, 导出, 내보내기'],
  },
  {
    id: 'import',
    terms: [
      'import, imports, importer, importing, importer un, importación, importar, импорт*, імпорт*, インポート',
      '导入, 가져오기',
    ],
  },
  {
    id: 'search',
    terms: [
      'search*, suche, suchen, recherche*, búsqueda*, buscar, busca, pesquisa, wyszukiw*, поиск*, пошук*',
      '検索, 搜索, 검색',
    ],
  },
  {
    id: 'notifications',
    terms: [
      'notification*, reminder*, push message*, benachrichtigung*, erinnerung*, rappel*, notificación*',
      'notificaciones, notificaç*, powiadomi*, уведомлени*, сповіщен*, 通知, 提醒, 알림',
    ],
  },
  {
    id: 'email',
    terms: ['email*, e mail*, smtp, imap, inbox, mailbox, correo*, courriel*, メール, 邮件, 이메일'],
  },
  {
    id: 'billing',
    terms: [
      'invoice*, billing, charged, refund*, subscription*, payment*, checkout, credit card*, rechnung*',
      'zahlung*, facture*, paiement*, factura*, pago, pagos, fatura*, pagamento*, faktur*, płatnoś*, оплат*',
      'платіж*, 支払, 決済, 支付, 发票, 결제',
    ],
  },
  { id: 'api', terms: ['api, endpoint*, rest, graphql, webhook*, rate limit*, http 4*, http 5*'] },
  { id: 'sdk', terms: ['sdk, client library, npm package, nuget, pypi, maven'] },
  {
    id: 'sync',
    terms: [
      'sync*, offline mode, replication, replica, synchron*, sincroniz*, synchronizacj*, синхрон*, 同期, 同步',
      '동기화',
    ],
  },
  {
    id: 'database',
    terms: [
      'database, sql, query, queries, index, vacuum, postgres*, mysql, sqlite, transaction*, deadlock*',
      'schema, migration*, datenbank, base de données, base de datos, banco de dados, базы данных, データベース',
      '数据库',
    ],
  },
  {
    id: 'storage',
    terms: [
      'upload*, attachment*, file storage, disk, bucket, backup*, restore, hochladen, anhang, anhänge',
      'pièce jointe, pièces jointes, adjunto*, anexo*, załącznik*, вложени*, вкладен*, 添付, アップロード, 上传, 附件',
      '첨부',
    ],
  },
  {
    id: 'editor',
    terms: [
      'editor, markdown, cursor, paste, pasting, undo, autosave, rich text, redactor, éditeur, edytor*',
      'エディタ, 编辑器, 편집기',
    ],
  },
  {
    id: 'calendar',
    terms: [
      'calendar, time zone*, timezone*, daylight saving, appointment*, recurring, kalender, termin*',
      'calendrier, calendario, calendário, kalendarz*, календар*, カレンダー, 日历, 캘린더',
    ],
  },
  {
    id: 'dashboard',
    terms: [
      'dashboard*, chart*, graphs, widget*, tableau de bord, panel de control, painel, pulpit',
      'ダッシュボード, 仪表盘, 대시보드',
    ],
  },
  {
    id: 'reports',
    terms: [
      'report page, reporting, monthly report*, weekly report*, bericht*, rapport*, informe*, relatório*, raport*',
      'отчет*, звіт*, レポート, 报表, 보고서',
    ],
  },
  {
    id: 'printing',
    terms: ['printing, printer*, printout*, pdf, drucken, drucker, impression, imprimir, drukow*, печат*, 印刷, 打印'],
  },
  {
    id: 'scheduler',
    terms: ['scheduler, cron, scheduled job*, job queue, worker process, planificador, nightly job'],
  },
  {
    id: 'installer',
    terms: [
      'installer, installation, install, setup wizard, uninstall, msi, apt, homebrew, instalar, instalación',
      'instalação, instalator',
    ],
  },
  { id: 'deployment', terms: ['kubernetes, helm, docker, container*, deploy*, pod, ingress'] },
  { id: 'cli', terms: ['cli, command line, terminal, flag, exit code, subcommand'] },
  {
    id: 'build',
    terms: ['build cache, compiler, compil*, build fails, linker, incremental build*, ci pipeline'],
  },
  {
    id: 'mobile app',
    terms: [
      'mobile app, ios, iphone, ipad, android, app store, phone, handy, téléphone, móvil, celular, telefon*',
      'телефон*, スマホ, アプリ, 手机, 앱',
    ],
  },
  {
    id: 'user interface',
    terms: [
      'button, dialog, menu, dark mode, 다크 모드, layout, icon, icons, theme, tooltip*, dropdown, toolbar, sidebar',
      'schaltfläche, bouton, botón, botão, przycisk*, кнопк*, ボタン, 按钮, 버튼, screen reader, contrast',
    ],
  },
  {
    id: 'localization',
    terms: [
      'translation*, locale, localiz*, umlaut*, encoding, utf 8, unicode, right to left, rtl, übersetzung*',
      'traduction*, traducción, tradução, tłumaczen*, перевод*, переклад*, 翻訳, 文字化け, 翻译, 乱码',
    ],
  },
  {
    id: 'documentation',
    terms: [
      'documentation, docs, readme, tutorial*, user guide, dokumentation, documentación, documentação',
      'dokumentacj*, документаци*, документаці*, ドキュメント, 文档',
    ],
  },
  {
    id: 'logging',
    terms: ['log level, to the log, in the logs, our logs, log file*, logging, audit log, telemetry, metrics'],
  },
  {
    id: 'devices',
    terms: ['sensor*, gateways, firmware, mqtt, device, devices, bluetooth, датчик*, センサー, 传感器'],
  },
  {
    id: 'network',
    terms: ['proxy, dns, tls, certificate*, firewall, connection reset, websocket*, vpn'],
  },
];

/** Platforms and technologies that make good labels. */
export const TECHNOLOGIES: readonly Concept[] = [
  { id: 'android', terms: ['android, pixel 8, galaxy'] },
  { id: 'ios', terms: ['ios, iphone, ipad'] },
  { id: 'windows', terms: ['windows'] },
  { id: 'macos', terms: ['macos, mac os, macbook, sonoma, sequoia'] },
  { id: 'linux', terms: ['linux, ubuntu, debian, fedora, alpine'] },
  { id: 'safari', terms: ['safari'] },
  { id: 'firefox', terms: ['firefox'] },
  { id: 'chrome', terms: ['chrome, chromium'] },
  { id: 'docker', terms: ['docker, docker compose'] },
  { id: 'kubernetes', terms: ['kubernetes, k8s, helm'] },
  { id: 'postgres', terms: ['postgres, postgresql'] },
  { id: 'outlook', terms: ['outlook'] },
  { id: 'excel', terms: ['excel, xlsx'] },
  { id: 'csv', terms: ['csv'] },
  { id: 'pdf', terms: ['pdf'] },
  {
    id: 'timezone',
    terms: [
      'time zone*, timezone*, daylight saving, zeitzone*, fuseau horaire, zona horaria, fuso horário',
      'часовой пояс, タイムゾーン, 时区',
    ],
  },
  { id: 'memory-leak', terms: ['memory leak, leaks memory, memory grows, speicherleck, 内存泄漏'] },
  { id: 'accessibility', terms: ['accessib*, screen reader, contrast, keyboard navigation, wcag'] },
  { id: 'unicode', terms: ['unicode, utf 8, umlaut*, emoji, encoding, 文字化け, 乱码'] },
  {
    id: 'dark-mode',
    terms: [
      'dark mode, dark theme, dunkelmodus, mode sombre, modo oscuro, modo escuro, tryb ciemny, темн* режим',
      'темн* тема, темної теми, ダークモード, 다크 모드, 深色模式',
    ],
  },
  { id: 'xss', terms: ['xss, cross site scripting'] },
  { id: 'sql-injection', terms: ['sql injection'] },
  { id: 'rate-limit', terms: ['rate limit*, http 429, 429'] },
  { id: 'deadlock', terms: ['deadlock*'] },
];
