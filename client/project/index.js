// Tollgate's Worker, with the classes of its objects. Code of your own may stand beside it; what
// wrangler.toml binds has to be exported here.

export * from "tollgate/worker";
export { default } from "tollgate/worker";
