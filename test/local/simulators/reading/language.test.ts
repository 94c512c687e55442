import { describe, expect, it } from 'vitest';
import { detectLanguage } from '../../../../local/simulators/reading/language.ts';

describe('detectLanguage', () => {
  it.each([
    ['en', 'The export is missing the last row and we do not know why.'],
    ['de', 'Der Export ist leer und wir wissen nicht, warum das so ist.'],
    ['fr', "L'export est vide et nous ne savons pas pourquoi."],
    ['es', 'La exportación está vacía y no sabemos por qué, pero es urgente.'],
    ['pt', 'A exportação está vazia e não sabemos o motivo, mas é urgente.'],
    ['it', "L'esportazione è vuota e non sappiamo il motivo, anche dopo il riavvio."],
    ['nl', 'De export is leeg en wij weten niet waarom dat zo is.'],
    ['pl', 'Eksport jest pusty i nie wiemy, dlaczego tak się dzieje.'],
    ['sv', 'Exporten är tom och vi vet inte varför det är så.'],
    ['ru', 'Экспорт пуст, и мы не знаем почему.'],
    ['uk', 'Експорт порожній, і ми не знаємо чому.'],
    ['ja', 'CSVのエクスポートが空になります。'],
    ['zh', '导出的CSV文件是空的。'],
    ['ko', 'CSV 내보내기가 비어 있습니다.'],
    ['ar', 'التصدير فارغ'],
    ['el', 'Η εξαγωγή είναι κενή'],
  ])('tells %s', (code, text) => {
    expect(detectLanguage(text)).toBe(code);
  });

  it('says English where nothing tells', () => {
    expect(detectLanguage('')).toBe('en');
    expect(detectLanguage('404 502')).toBe('en');
    expect(detectLanguage('NullPointerException')).toBe('en');
  });
});
