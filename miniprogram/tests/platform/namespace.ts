export const NAMESPACE = "";
