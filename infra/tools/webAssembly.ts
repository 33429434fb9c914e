import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What this needs of AssemblyScript's compiler. Its own types come with globals that change those of ECMAScript. */
interface Compiler {
  main(
    options: readonly string[],
    files: {
      readFile(name: string): string | null;
      writeFile(name: string, contents: Uint8Array | string): void;
      listFiles(): string[];
    },
  ): Promise<{ readonly error: Error | null }>;
}

const OUTPUT = 'program.wasm';
const COMPILER: string = 'assemblyscript/asc';

/** A program in WebAssembly: where its source is, and the module that has its bytes. */
interface Program {
  readonly source: string;
  readonly module: string;
  readonly name: string;
  /** Its memory, in pages of 64 KiB: all that it ever has. */
  readonly pages: number;
  /** Where its constants are in the memory. */
  readonly constants: number;
}

const PROGRAMS: readonly Program[] = [
  {
    source: 'wasm/tape.ts',
    module: 'functions/json/tapeProgram.ts',
    name: 'TAPE_PROGRAM',
    pages: 162,
    constants: 0x100,
  },
  {
    source: 'wasm/walk.ts',
    module: 'functions/deid/run/walkProgram.ts',
    name: 'WALK_PROGRAM',
    pages: 132,
    constants: 0xa800,
  },
];

/** Modules with the compiled programs: path from the root of the project, and text. */
export async function programModules(root: string): Promise<readonly (readonly [string, string])[]> {
  return Promise.all(
    PROGRAMS.map(async (program) => {
      const bytes = await compiled(readFileSync(join(root, program.source), 'utf8'), program);
      const text = `/** \`${program.source}\`, compiled: \`npm run generate\` makes it. */\nexport const ${program.name} =\n  '${Buffer.from(bytes).toString('base64')}';\n`;
      return [program.module, text] as const;
    }),
  );
}

async function compiled(text: string, { source, pages, constants }: Program): Promise<Uint8Array> {
  let bytes: Uint8Array | undefined;
  const compiler = (await import(COMPILER)) as Compiler;
  const { error } = await compiler.main(
    [
      source,
      ...`--runtime stub --noAssert -O3 --enable simd,bulk-memory --use abort= --outFile ${OUTPUT}`.split(
        ' ',
      ),
      ...`--initialMemory ${pages} --maximumMemory ${pages} --memoryBase ${constants}`.split(' '),
    ],
    {
      readFile: (name) => (name === source ? text : null),
      writeFile: (name, contents) => {
        if (name === OUTPUT && typeof contents !== 'string') bytes = contents;
      },
      listFiles: () => [],
    },
  );
  if (error !== null || bytes === undefined)
    throw new Error(`${source} cannot be compiled: npx asc ${source}`, { cause: error });
  return bytes;
}
