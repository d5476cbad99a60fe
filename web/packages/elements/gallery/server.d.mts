export const PICTURE: string;
export function bundleGallery(root: string): Promise<string>;
export function serveGallery(
  root: string,
  port?: number,
  extra?: Record<string, [type: string, body: string, status?: number]>,
): Promise<{ url: string; stop: () => Promise<void> }>;
