/** In WeChat each person has a storage of their own. */
export const NAMESPACE = "";

/** Whoever is signed in here is always the same human being, even where the service finds that it knew them as
 * another person. */
export const SHARED = false;
