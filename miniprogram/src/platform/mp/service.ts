/** A mini program names its service at build time; the address must be among the account's request domains. */
export const SERVICE: string = import.meta.env.VITE_SERVICE_URL ?? "";
