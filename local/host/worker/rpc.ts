/**
 * The messages the host and the programming model exchange, as far as this host uses them
 * (the shapes of the Azure Functions RPC protocol, in the spelling of `@azure/functions-core`).
 */

/** A value on its way into or out of a function. At most one member is set. */
export interface TypedData {
  string?: string | null;
  json?: string | null;
  bytes?: Uint8Array | null;
  int?: number | null;
  double?: number | null;
  http?: HttpData | null;
}

export interface HttpData {
  method?: string;
  /** Absolute. */
  url?: string;
  headers?: Record<string, string>;
  params?: Record<string, string>;
  query?: Record<string, string>;
  body?: TypedData | null;
  statusCode?: string;
  cookies?: HttpCookie[];
}

interface Nullable<T> {
  value?: T | null;
}

export interface HttpCookie {
  name: string;
  value: string;
  domain?: Nullable<string> | null;
  path?: Nullable<string> | null;
  expires?: { value?: { seconds: number; nanos?: number } | null } | null;
  secure?: Nullable<boolean> | null;
  httpOnly?: Nullable<boolean> | null;
  sameSite?: 'none' | 'lax' | 'strict' | 'explicitNone';
  maxAge?: Nullable<number> | null;
}

/** One binding of a function with the options of its type, as far as this host knows them. */
export interface BindingInfo {
  type: string;
  direction?: 'in' | 'out' | 'inout';
  /** Of an HTTP trigger. */
  route?: string;
  methods?: string[];
  authLevel?: string;
  /** Of a timer trigger. */
  schedule?: string;
  runOnStartup?: boolean;
}

export interface FunctionMetadata {
  name: string;
  functionId?: string;
  bindings: Record<string, BindingInfo>;
}

export type FunctionCallback = (...inputs: unknown[]) => unknown;

export interface InputData {
  name: string;
  data: TypedData | null;
}

interface InvocationRequest {
  invocationId: string;
  functionId: string;
  inputData: InputData[];
  triggerMetadata: Record<string, TypedData>;
}

export interface InvocationResponse {
  invocationId?: string;
  outputData?: { name: string; data: TypedData }[];
  returnValue?: TypedData | null;
}

export type LogLevel = 'trace' | 'debug' | 'information' | 'warning' | 'error' | 'critical' | 'none';
export type LogCategory = 'user' | 'system' | 'customMetric';

export interface CoreInvocationContext {
  invocationId: string;
  request: InvocationRequest;
  metadata: FunctionMetadata;
  state?: 'preInvocationHooks' | 'invocation' | 'postInvocationHooks' | undefined;
  log(level: LogLevel, category: LogCategory, message: string): void;
}

interface InvocationModel {
  getArguments(): Promise<{ context: unknown; inputs: unknown[] }>;
  invokeFunction(context: unknown, inputs: unknown[], callback: FunctionCallback): Promise<unknown>;
  getResponse(context: unknown, result: unknown): Promise<InvocationResponse>;
}

export interface ProgrammingModel {
  name: string;
  version: string;
  getInvocationModel(context: CoreInvocationContext): InvocationModel;
  getCapabilities?(capabilities: Record<string, string>): Promise<Record<string, string>>;
}
