#!/usr/bin/env bash
# Parquet.Net 6.1.0 (.NET SDK 10) reads what DuckDB 1.5.6 (@duckdb/node-api 1.5.6-r.1) writes.
# Expected: a null within a list, as FHIR has it where one of several values is masked ("given": [null, "Ann"], with the reason at
# the same place of "_given"), is null in a List<string?>, as DuckDB reads it back; or it is an error, as a null for a bool is.
# Seen: it is left out, and the values after it move up, without an error: the first of _given, "masked", is now beside "Ann".
# A list of numbers loses its gaps alike, also without classes (DeserializeUntypedAsync). An empty list is null.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export NUGET_PACKAGES="$work/packages" DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @duckdb/node-api@1.5.6-r.1 >/dev/null

cat >write.mjs <<'PROBE'
import { writeFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';

writeFileSync(
  'Patient.ndjson',
  `{"id":"a","given":[null,"Ann"],"_given":[{"code":"masked"},null],"values":[1.5,null,2.5]}
{"id":"b","given":["Bob","Ben"],"values":[]}
`,
);
const connection = await (await DuckDBInstance.create()).connect();
await connection.run(`COPY (FROM read_ndjson('Patient.ndjson')) TO 'Patient.parquet' (FORMAT parquet)`);
const rows = await connection.runAndReadAll(`SELECT to_json(p)::VARCHAR AS line FROM 'Patient.parquet' p ORDER BY id`);
for (const { line } of rows.getRowObjects()) console.log('DuckDB:', line);
PROBE

cat >probe.csproj <<'PROJECT'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
    <Nullable>enable</Nullable>
    <EnableDefaultItems>false</EnableDefaultItems>
  </PropertyGroup>
  <ItemGroup>
    <Compile Include="Program.cs" />
    <PackageReference Include="Parquet.Net" Version="[6.1.0]" />
  </ItemGroup>
</Project>
PROJECT

cat >Program.cs <<'PROBE'
using System.Text.Json;
using Parquet.Serialization;

using var typed = File.OpenRead("Patient.parquet");
foreach (var patient in (await ParquetSerializer.DeserializeAsync<Patient>(typed)).Data)
    Console.WriteLine($"Parquet.Net: {JsonSerializer.Serialize(patient)}");
using var untyped = File.OpenRead("Patient.parquet");
foreach (var row in (await ParquetSerializer.DeserializeUntypedAsync(untyped)).Data)
    Console.WriteLine($"untyped, values: {JsonSerializer.Serialize(row.GetValueOrDefault("values"))}");

sealed class Reason { public string? code { get; set; } }
sealed class Patient
{
    public string? id { get; set; }
    public List<string?>? given { get; set; }
    public List<Reason?>? _given { get; set; }
    public List<double?>? values { get; set; }
}
PROBE

cat >expected <<'EXPECTED'
DuckDB: {"id":"a","given":[null,"Ann"],"_given":[{"code":"masked"},null],"values":[1.5,null,2.5]}
DuckDB: {"id":"b","given":["Bob","Ben"],"_given":null,"values":[]}
Parquet.Net: {"id":"a","given":["Ann"],"_given":[{"code":"masked"},{"code":null}],"values":[1.5,2.5]}
Parquet.Net: {"id":"b","given":["Bob","Ben"],"_given":null,"values":null}
untyped, values: [1.5,2.5]
untyped, values: null
EXPECTED

dotnet build -v quiet -o out >build.log 2>&1 || { cat build.log >&2; exit 2; }
{ node write.mjs && dotnet out/probe.dll; } | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
