export const files = { async read(_sha256: string): Promise<ArrayBuffer | null> { return null; } };
