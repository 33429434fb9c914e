/**
 * The versions of the Bulk Data Access guide by which a job can be asked for and answered: STU 2, STU 3, whose
 * parameters are understood by STU 2, too, and the ballot of STU 4 of September 2026.
 */
export const GUIDE_VERSIONS = ['2.0.0', '3.0.0', '4.0.0-ballot'] as const;
export type GuideVersion = (typeof GUIDE_VERSIONS)[number];
export const STU_4: GuideVersion = '4.0.0-ballot';
