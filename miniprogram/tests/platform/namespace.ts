export const NAMESPACE = "";
export const SHARED = true;
