/** The pages come from the service itself. */
export const SERVICE = "";
