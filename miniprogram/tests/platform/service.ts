export const SERVICE = "";
