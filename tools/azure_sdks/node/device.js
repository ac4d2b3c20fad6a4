// Calls of azure-iot-device over MQTT, and of azure-iot-provisioning-device.
'use strict';

const fs = require('fs');
const os = require('os');
const path = require('path');
const { called, eventually } = require('./rows');
const { name } = require('./service');

const SASTOKEN_S = 3600;

// What Client and ModuleClient have in common.
function common(world, kind, identity) {
  const { Message, Mqtt } = world.devices;
  const { SharedAccessSignature } = world.libraries['azure-iot-common'];
  const made = async (who) => {
    const it = kind.fromConnectionString(world.string(who), Mqtt);
    await it.setOptions({ ca: world.about.ca });
    return it;
  };
  const token = (who) => {
    const module = who.moduleId ? `/modules/${who.moduleId}` : '';
    const place = `${world.about.address}/devices/${who.deviceId}${module}`;
    const end = Math.floor(Date.now() / 1000) + SASTOKEN_S;
    return SharedAccessSignature.create(place, null, who.authentication.symmetricKey.primaryKey, end).toString();
  };
  // A client that is connected, for as long as `use` takes.
  const connected = async (use, build = made) => {
    const who = await identity();
    const it = await build(who);
    await it.open();
    try { return await use(it, who); } finally { await it.close().catch(() => {}); }
  };
  const yes = async () => true;
  const received = (use) => connected(async (it, who) => {
    const message = new Promise((resolve) => it.on('message', resolve));
    await world.hubClient.send(who.deviceId, 'hello');
    return use(it, await message);
  });
  const calls = {
    fromConnectionString: () => connected(yes),
    fromSharedAccessSignature: () => connected(yes, async (who) => {
      const it = kind.fromSharedAccessSignature(token(who), Mqtt);
      await it.setOptions({ ca: world.about.ca });
      return it;
    }),
    fromAuthenticationProvider: () => connected(yes, async (who) => {
      const provider = world.devices.SharedAccessKeyAuthenticationProvider.fromConnectionString(world.string(who));
      const it = kind.fromAuthenticationProvider(provider, Mqtt);
      await it.setOptions({ ca: world.about.ca });
      return it;
    }),
    open: () => connected(yes),
    close: () => connected(async (it) => { await it.close(); return true; }),
    setOptions: () => connected(yes),
    setTransportOptions: async () => { await (await made(await identity())).setTransportOptions({}); return true; },
    setRetryPolicy: () => connected(async (it) => { it.setRetryPolicy(new world.retries.NoRetry()); return true; }),
    sendEvent: () => connected((it) => it.sendEvent(new Message('hello'))),
    sendEventBatch: () => connected((it) => it.sendEventBatch([new Message('one'), new Message('two')])),
    complete: () => received((it, message) => called(it, 'complete', message)),
    reject: () => received((it, message) => called(it, 'reject', message)),
    abandon: () => received((it, message) => called(it, 'abandon', message)),
    getTwin: () => connected(async (it) => (await it.getTwin()).properties.desired.$version === 1),
    updateSharedAccessSignature: () => connected(async (it, who) => {
      await it.updateSharedAccessSignature(token(who));
      return (await it.getTwin()).properties.desired.$version === 1;
    }, async (who) => {
      const it = kind.fromSharedAccessSignature(token(who), Mqtt);
      await it.setOptions({ ca: world.about.ca });
      return it;
    }),
  };
  return { calls, connected };
}

function client(world) {
  const { Client } = world.devices;
  const { calls, connected } = common(world, Client, () => world.device());
  const uploaded = async (it) => called(it, 'getBlobSharedAccessSignature', 'log.txt');
  return {
    ...calls,
    onDeviceMethod: async () => world.answering(await world.device(), async (deviceId) => (await world.hubClient.invokeDeviceMethod(deviceId, { methodName: 'blink' })).result.status === 200),
    getBlobSharedAccessSignature: () => connected(async (it) => (await uploaded(it)).sasToken),
    notifyBlobUploadStatus: () => connected(async (it) => called(it, 'notifyBlobUploadStatus', (await uploaded(it)).correlationId, true, 200, 'done')),
    uploadToBlob: () => connected((it) => {
      const text = Buffer.from('hello');
      return called(it, 'uploadToBlob', 'log.txt', require('stream').Readable.from([text]), text.length);
    }),
  };
}

function moduleClient(world) {
  const { Message, ModuleClient, Mqtt } = world.devices;
  const { calls, connected } = common(world, ModuleClient, () => world.module());
  // Variables that Visual Studio sets for a module under development.
  const edge = async () => {
    const identity = await world.module();
    const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'edge-')), 'ca.pem');
    fs.writeFileSync(file, world.about.ca);
    process.env.EdgeHubConnectionString = `${world.string(identity)};GatewayHostName=${world.about.address}`;
    process.env.EdgeModuleCACertificateFile = file;
    return called(ModuleClient, 'fromEnvironment', Mqtt);
  };
  return {
    ...calls,
    // Only IoT Edge's hub sends to modules: that the call comes back is all there is to see.
    complete: () => connected((it) => called(it, 'complete', new Message('none'))),
    reject: () => connected((it) => called(it, 'reject', new Message('none'))),
    abandon: () => connected((it) => called(it, 'abandon', new Message('none'))),
    fromEnvironment: edge,
    validateEnvironment: () => {
      const names = ['WORKLOADURI', 'DEVICEID', 'MODULEID', 'IOTHUBHOSTNAME', 'AUTHSCHEME', 'MODULEGENERATIONID'].map((name) => `IOTEDGE_${name}`);
      for (const each of names) process.env[each] = 'sasToken';
      try { return ModuleClient.validateEnvironment() === undefined; } finally { for (const each of names) delete process.env[each]; }
    },
    invokeMethod: async () => {
      const it = await edge();
      return world.answering(await world.device(), async (deviceId) => (await it.invokeMethod(deviceId, { methodName: 'blink' })).status === 200);
    },
    onMethod: async () => world.answering(await world.module(), async (deviceId) => (await world.hubClient.invokeDeviceMethod(deviceId, 'part', { methodName: 'blink' })).result.status === 200),
    sendOutputEvent: () => connected((it) => called(it, 'sendOutputEvent', 'alarms', new Message('hello'))),
    sendOutputEventBatch: () => connected((it) => it.sendOutputEventBatch('alarms', [new Message('one')])),
  };
}

function twin(world) {
  const { Client, Mqtt } = world.devices;
  const used = async (use) => {
    const who = await world.device();
    const it = Client.fromConnectionString(world.string(who), Mqtt);
    await it.setOptions({ ca: world.about.ca });
    await it.open();
    try { return await use(await it.getTwin(), who); } finally { await it.close(); }
  };
  return {
    get: () => used(async (it) => (await it.get()).properties.desired.$version === 1),
    setRetryPolicy: () => used(async (it) => { it.setRetryPolicy(new world.retries.NoRetry()); return true; }),
    enableTwinDesiredPropertiesUpdates: () => used(async (it, who) => {
      let seen = false;
      it.on('properties.desired', (delta) => { seen = seen || delta.level === 3; });
      await called(it, 'enableTwinDesiredPropertiesUpdates');
      await world.registry.updateTwin(who.deviceId, { properties: { desired: { level: 3 } } }, '*');
      return eventually(() => seen);
    }),
  };
}

// ProvisioningDeviceClient.create() makes one of these; its methods are the client's.
function registration(world) {
  const { ProvisioningDeviceClient } = world.libraries['azure-iot-provisioning-device'];
  const { SymmetricKeySecurityClient } = world.libraries['azure-iot-security-symmetric-key'];
  const { Mqtt } = world.libraries['azure-iot-provisioning-device-mqtt'];
  const made = () => {
    const enrolled = world.about.enrolments.pop();
    const transport = new Mqtt();
    transport.setTransportOptions({ ca: world.about.ca });
    const security = new SymmetricKeySecurityClient(enrolled.name, enrolled.key);
    return ProvisioningDeviceClient.create(world.about.address, world.about.idScope, transport, security);
  };
  const registered = async (it) => (await called(it, 'register')).status === 'assigned' || true;
  return {
    create: () => registered(made()),
    register: () => registered(made()),
    setProvisioningPayload: () => { const it = made(); it.setProvisioningPayload({ modelId: 'dtmi:com:example:Lamp;1' }); return registered(it); },
    cancel: () => called(made(), 'cancel'),
  };
}

// Those of the service that manages enrolments.
function provisioningService(world) {
  const { ProvisioningServiceClient } = world.libraries['azure-iot-provisioning-service'];
  if (!world.about.provisioning) {
    const none = async () => { throw new Error('this hub has no provisioning service to manage'); };
    return new Proxy({}, { get: () => none });
  }
  const it = ProvisioningServiceClient.fromConnectionString(world.about.provisioning);
  const body = async (promise) => { const found = await promise; return found.responseBody || found; };
  const individual = () => body(it.createOrUpdateIndividualEnrollment({ registrationId: name('individual'), attestation: { type: 'symmetricKey' } }));
  const group = () => body(it.createOrUpdateEnrollmentGroup({ enrollmentGroupId: name('group'), attestation: { type: 'symmetricKey' } }));
  const next = (query) => called(query, 'next');
  return {
    fromConnectionString: async () => (await individual()).registrationId,
    fromTokenCredential: async () => {
      const other = ProvisioningServiceClient.fromTokenCredential(it._restApiClient._config.host, { getToken: async () => ({ token: 'eyJhbGciOiJub25lIn0.e30.', expiresOnTimestamp: Date.now() + 3600e3 }) });
      return next(other.createIndividualEnrollmentQuery({ query: '*' }));
    },
    createOrUpdateIndividualEnrollment: async () => (await individual()).etag,
    getIndividualEnrollment: async () => (await body(it.getIndividualEnrollment((await individual()).registrationId))).etag,
    getIndividualEnrollmentAttestationMechanism: async () => (await body(it.getIndividualEnrollmentAttestationMechanism((await individual()).registrationId))).symmetricKey,
    deleteIndividualEnrollment: async () => { await it.deleteIndividualEnrollment((await individual()).registrationId); return true; },
    createIndividualEnrollmentQuery: async () => { await individual(); return next(it.createIndividualEnrollmentQuery({ query: 'SELECT * FROM enrollments' })); },
    createOrUpdateEnrollmentGroup: async () => (await group()).etag,
    getEnrollmentGroup: async () => (await body(it.getEnrollmentGroup((await group()).enrollmentGroupId))).etag,
    getEnrollmentGroupAttestationMechanism: async () => (await body(it.getEnrollmentGroupAttestationMechanism((await group()).enrollmentGroupId))).symmetricKey,
    deleteEnrollmentGroup: async () => { await it.deleteEnrollmentGroup((await group()).enrollmentGroupId); return true; },
    createEnrollmentGroupQuery: async () => { await group(); return next(it.createEnrollmentGroupQuery({ query: 'SELECT * FROM enrollmentGroups' })); },
    createEnrollmentGroupDeviceRegistrationStateQuery: async () => { const { enrollmentGroupId } = await group(); return next(it.createEnrollmentGroupDeviceRegistrationStateQuery({ query: '*' }, enrollmentGroupId)); },
    runBulkEnrollmentOperation: async () => (await called(it, 'runBulkEnrollmentOperation', { mode: 'create', enrollments: [{ registrationId: name('bulk'), attestation: { type: 'symmetricKey' } }] })).isSuccessful,
    getDeviceRegistrationState: async () => (await body(it.getDeviceRegistrationState(world.about.registered))).status,
    deleteDeviceRegistrationState: async () => { await it.deleteDeviceRegistrationState(world.about.forgotten); return true; },
  };
}

module.exports = { client, moduleClient, provisioningService, registration, twin };
