/** In WeChat each person has a storage of their own. */
export const NAMESPACE = "";
